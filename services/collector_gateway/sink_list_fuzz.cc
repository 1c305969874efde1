// Any text is a list of sinks that keep to their bounds, or is refused by name.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "services/collector_gateway/sink_list.h"
#include "services/collector_gateway/webhook_url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto sinks = daemoneye::gateway::ParseSinks(input);
  if (!sinks.ok()) {
    if (sinks.status().message().substr(0, 5) != "sinks") std::abort();
    return 0;
  }
  for (const auto& sink : *sinks) {
    if (sink.name.empty() || sink.timeout > absl::Seconds(60)) std::abort();
    for (const std::string& url : sink.urls) {
      if (!daemoneye::gateway::CheckWebhookUrl(url).ok()) std::abort();
    }
  }
  return 0;
}
