#include "tests/support/certificates.h"

#include <cstdio>
#include <cstdlib>

#include "fmt/format.h"
#include "tests/support/child_process.h"

namespace daemoneye::testing_support {

Certificates::Certificates() {
  OpenSsl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test-authority "
      "-days 1 -keyout ca.key -out ca.pem");
}

TlsFiles Certificates::Make(const std::string& name) const {
  directory_.Write(name + ".ext", fmt::format("subjectAltName=DNS:{},IP:127.0.0.1\n", name));
  OpenSsl(
      fmt::format("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={0} "
                  "-keyout {0}.key -out {0}.csr",
                  name));
  OpenSsl(
      fmt::format("x509 -req -in {0}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 "
                  "-extfile {0}.ext -out {0}.pem",
                  name));
  return {.ca = directory_.File("ca.pem"),
          .certificate = directory_.File(name + ".pem"),
          .key = directory_.File(name + ".key")};
}

void Certificates::OpenSsl(const std::string& arguments) const {
  const Ended ended = RunToEnd(
      {.argv = {"/bin/sh", "-c", fmt::format("cd {} && openssl {}", directory_.path(), arguments)},
       .environment = {},
       .user = {}});
  if (ended.code == 0) return;
  fmt::print(stderr, "openssl {}: {}\n", arguments, ended.output);
  std::abort();
}

}  // namespace daemoneye::testing_support
