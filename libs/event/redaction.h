// Redactor: takes secrets out of command lines.
//
// What it takes, whatever the case and with _ for -:
//   --password VALUE, --token=VALUE, -api-key VALUE: the value of an option whose name says secret;
//   KEY=VALUE, DB_PASSWORD=VALUE: an assignment to a name that says secret;
//   scheme://user:VALUE@host, https://VALUE@host, ?token=VALUE: credentials in a URL;
//   Authorization: VALUE: the header.
// The same inside an argument that holds a whole command (sh -c "..."), whose words end at blanks
// and honour quotes. Names of files (--token-file, a path before the '=') are not secrets, and
// paths are never taken out whole. A short option (-pSECRET) cannot be told from others and stays.
//
// It fails closed: where the end of a value is in doubt, all the rest of the argument goes.
//
// Threads:    one thread at a time.
// Ownership:  borrows the arguments; results live until the next call.
// Cost:       one look at each byte; no allocation where nothing is redacted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace daemoneye::event {

inline constexpr std::string_view kRedacted = "[redacted]";

class Redactor {
 public:
  // Replaces in `arguments` each one that holds a secret by a copy without it, which lives until
  // the next call. Returns the number of secrets taken out.
  size_t Redact(std::vector<std::string_view>& arguments);

 private:
  std::deque<std::string> copies_;
};

// True when an option, variable or query parameter of this name holds a secret: "api-key",
// "DB_PASSWORD"; not "token-file".
bool IsSecretName(std::string_view name);

}  // namespace daemoneye::event
