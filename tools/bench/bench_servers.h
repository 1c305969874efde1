// The real procmond and gateway, as they ship, with private sockets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/bench/child_process.h"

namespace daemoneye::bench {

// Listens on p.sock in the directory; ends the program where it does not come to that. `bin` is the
// folder with services/.
std::unique_ptr<ChildProcess> StartProcmond(const std::string& bin, const TempDirectory& directory,
                                            const std::vector<std::string>& flags);

// Over that procmond, on g.sock, with its store in the directory. Returns when it streams.
std::unique_ptr<ChildProcess> StartGateway(const std::string& bin, const TempDirectory& directory,
                                           const std::vector<std::string>& flags);

// What procmond's sources are, such as "process-exec RUNNING".
std::vector<std::string> SourcesOf(const std::string& path);

}  // namespace daemoneye::bench
