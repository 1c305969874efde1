#include "libs/storage/sqlite/key_filter.h"

namespace daemoneye::storage {
namespace {

constexpr int kProbes = 4;
constexpr uint64_t kBits = KeyFilter::kBytes * 8;

// The bit of probe `i`: 16 bits of the hash each.
uint64_t BitOf(uint64_t hash, int i) { return (hash >> (16 * i)) % kBits; }

}  // namespace

uint64_t KeyHash(KeyColumn column, std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  add(static_cast<unsigned char>(column));
  for (const char c : text) add(static_cast<unsigned char>(c));
  // Spread over all bits (the finaliser of MurmurHash3): texts differ in their last bytes.
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

void KeyFilter::Add(uint64_t hash) {
  for (int i = 0; i < kProbes; ++i) {
    const uint64_t bit = BitOf(hash, i);
    char& byte = bits_[bit / 8];
    byte = static_cast<char>(static_cast<unsigned char>(byte) | (1U << (bit % 8)));
  }
}

void KeyFilter::Add(const v1::CollectionEvent& event) {
  if (event.has_process()) {
    Add(KeyHash(KeyColumn::kProcessKey, event.process().process_key()));
    Add(KeyHash(KeyColumn::kName, event.process().name()));
  } else if (event.has_network()) {
    Add(KeyHash(KeyColumn::kProcessKey, event.network().process_key()));
  } else if (event.has_filesystem()) {
    Add(KeyHash(KeyColumn::kProcessKey, event.filesystem().process_key()));
  } else if (event.has_performance()) {
    Add(KeyHash(KeyColumn::kProcessKey, event.performance().process_key()));
  }
}

bool KeyFilter::MayHold(std::string_view bytes, uint64_t hash) {
  if (bytes.size() != kBytes) return true;
  for (int i = 0; i < kProbes; ++i) {
    const uint64_t bit = BitOf(hash, i);
    if ((static_cast<unsigned char>(bytes[bit / 8]) & (1U << (bit % 8))) == 0) return false;
  }
  return true;
}

}  // namespace daemoneye::storage
