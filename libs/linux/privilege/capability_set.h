// CapabilitySet: some of the capabilities of capabilities(7).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace daemoneye::privilege {

// Numbers are the kernel's (linux/capability.h); those that the suite has a use for.
enum class Capability : uint8_t {
  kDacReadSearch = 2,
  kSetpcap = 8,
  kNetBindService = 10,
  kNetAdmin = 12,
  kSysPtrace = 19,
  kSysAdmin = 21,
  kPerfmon = 38,
  kBpf = 39,
};

class CapabilitySet {
 public:
  constexpr CapabilitySet() = default;
  // Bit n is capability n, as in /proc/PID/status.
  constexpr explicit CapabilitySet(uint64_t bits) : bits_(bits) {}
  constexpr CapabilitySet(std::initializer_list<Capability> capabilities) {
    for (const Capability capability : capabilities) Add(capability);
  }

  constexpr void Add(Capability capability) {
    bits_ |= uint64_t{1} << static_cast<unsigned>(capability);
  }
  constexpr bool Contains(Capability capability) const {
    return (bits_ >> static_cast<unsigned>(capability) & 1) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint64_t bits() const { return bits_; }

  // "cap_bpf", in the kernel's order; one that libcap does not know is its number.
  std::vector<std::string> Names() const;
  // The same as one text, with commas; "none" where there is none.
  std::string ToString() const;

  friend constexpr bool operator==(CapabilitySet, CapabilitySet) = default;
  friend constexpr CapabilitySet operator&(CapabilitySet a, CapabilitySet b) {
    return CapabilitySet(a.bits_ & b.bits_);
  }
  friend constexpr CapabilitySet operator|(CapabilitySet a, CapabilitySet b) {
    return CapabilitySet(a.bits_ | b.bits_);
  }
  // Those of `a` that are not in `b`.
  friend constexpr CapabilitySet operator-(CapabilitySet a, CapabilitySet b) {
    return CapabilitySet(a.bits_ & ~b.bits_);
  }

 private:
  uint64_t bits_ = 0;
};

}  // namespace daemoneye::privilege
