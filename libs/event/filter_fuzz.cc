// Any EventFilter either compiles or is refused by name, and a compiled one decides about any
// event.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "libs/event/filter.h"

namespace {

// The input is a filter and an event in text form, parted by a line "---", or both in wire form.
template <typename Message>
bool Read(std::string_view text, Message& message) {
  google::protobuf::TextFormat::Parser parser;
  struct Quiet : google::protobuf::io::ErrorCollector {
    void AddError(int, int, const std::string&) override {}
  } quiet;
  parser.RecordErrorsTo(&quiet);
  return parser.ParseFromString(std::string(text), &message) ||
         message.ParseFromArray(text.data(), static_cast<int>(text.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find("\n---\n");
  daemoneye::v1::EventFilter filter;
  daemoneye::event::Event event;
  if (!Read(input.substr(0, cut), filter)) return 0;
  if (cut != std::string_view::npos && !Read(input.substr(cut + 5), event)) event.Clear();
  const auto compiled = daemoneye::event::CompiledFilter::Create(filter);
  if (!compiled.ok()) {
    if (compiled.status().message().substr(0, 7) != "filter.") std::abort();
    return 0;
  }
  using daemoneye::event::TraitsVerdict;
  const bool passes = compiled->Matches(event);
  const TraitsVerdict verdict =
      compiled->MatchesTraits(daemoneye::event::KindOf(event), daemoneye::event::ActionOf(event),
                              daemoneye::event::IsSample(event), daemoneye::event::IsOwn(event));
  if (verdict != TraitsVerdict::kNeedsEvent && passes != (verdict == TraitsVerdict::kYes)) {
    std::abort();
  }
  if (!daemoneye::event::CompiledFilter::Create(compiled->effective()).ok()) std::abort();
  return 0;
}
