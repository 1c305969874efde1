// A table with a setting of every type, and inputs without a machine behind them, for tests.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libs/config/config.h"

namespace daemoneye::config {

// interval (key collection_interval, also named period; 5..3600 s), count (0..10), ratio, size
// (1KiB..1GiB), name (at most 8 bytes), items (of a, b, c; at most 3), tags (at most 2), mode
// (fast, slow), turbo (default false), node_name, tls_cert, tls_key, password (secret), rules (a
// document; at most 4 elements), config,
// check (flag only). Reloadable: count, items, tags, password,
// rules.
OptionTable EveryTypeTable();

// `files` is what the disk holds; a path that is not there is NotFound.
ConfigInput FakeInput(std::vector<std::string> args, std::vector<std::string> environment = {},
                      std::map<std::string, std::string> files = {});

}  // namespace daemoneye::config
