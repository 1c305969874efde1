// Certificates: an authority of a test's own, and certificates that it signs; made by openssl(1).
#pragma once

#include <string>

#include "tests/support/temp_directory.h"

namespace daemoneye::testing_support {

// PEM files of one party; empty: it has none.
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

class Certificates {
 public:
  // Aborts the test where openssl cannot be run.
  Certificates();

  // The authority alone: what somebody has who trusts it and has no certificate.
  TlsFiles Nobody() const { return {.ca = directory_.File("ca.pem")}; }
  // A certificate with `name` and "IP:127.0.0.1" as its subject alternative names; valid for a day.
  TlsFiles Make(const std::string& name) const;

 private:
  void OpenSsl(const std::string& arguments) const;

  const TempDirectory directory_;
};

}  // namespace daemoneye::testing_support
