#include "libs/event/random_event.h"

#include <array>
#include <limits>
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wire_format_lite.h"

namespace daemoneye::event {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::internal::WireFormatLite;

constexpr int kMaxDepth = 4;

class Filler {
 public:
  Filler(std::mt19937_64& random, const RandomEventOptions& options)
      : random_(random), options_(options) {}

  void Fill(Message& message, int depth) {
    if (FillTime(message)) return;
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      if (!Chance(options_.field_probability)) continue;
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && depth >= kMaxDepth) continue;
      if (field.real_containing_oneof() != nullptr && !IsChosen(field)) continue;
      FillField(message, field, depth);
    }
  }

 private:
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

  // Sizes, limits, and everything between.
  uint64_t Number() {
    switch (random_() % 4) {
      case 0:
        return random_() % 3;
      case 1:
        return random_() % 100'000;
      case 2:
        return std::numeric_limits<uint64_t>::max() - random_() % 2;
      default:
        return random_();
    }
  }

  double Real() {
    constexpr std::array<double, 5> kSpecial = {0.0, 1.5, -2.25, 1e308,
                                                std::numeric_limits<double>::infinity()};
    return Chance(0.3) ? kSpecial[random_() % kSpecial.size()]
                       : static_cast<double>(random_() % 1'000'000) / 1000.0;
  }

  std::string Text() {
    constexpr std::array<std::string_view, 14> kPieces = {"a",
                                                          "Z9",
                                                          " ",
                                                          "/usr/bin/",
                                                          "\\",
                                                          "\\x41",
                                                          "\"",
                                                          "'",
                                                          "\x1b",
                                                          "\n",
                                                          "\xC3\xA4",
                                                          "\xE2\x80\xAE",
                                                          "\xF0\x9F\x90\xA7",
                                                          "*?["};
    std::string text;
    const size_t count = random_() % (options_.max_text_characters + 1);
    for (size_t i = 0; i < count; ++i) text += kPieces[random_() % kPieces.size()];
    return text;
  }

  // Both are checked when they are written as JSON.
  bool FillTime(Message& message) {
    if (auto* time = dynamic_cast<google::protobuf::Timestamp*>(&message)) {
      time->set_seconds(static_cast<int64_t>(random_() % 4'000'000'000));
      time->set_nanos(static_cast<int32_t>(random_() % 1'000'000'000));
      return true;
    }
    if (auto* duration = dynamic_cast<google::protobuf::Duration*>(&message)) {
      duration->set_seconds(static_cast<int64_t>(random_() % 1'000'000));
      duration->set_nanos(static_cast<int32_t>(random_() % 1'000'000'000));
      return true;
    }
    return false;
  }

  // One member of a oneof at a time: the one that the next number names.
  bool IsChosen(const FieldDescriptor& field) {
    const auto& oneof = *field.real_containing_oneof();
    return oneof.field(static_cast<int>(random_() % oneof.field_count())) == &field;
  }

  int EnumNumber(const EnumDescriptor& type) {
    return type.value(static_cast<int>(random_() % type.value_count()))->number();
  }

  void FillField(Message& message, const FieldDescriptor& field, int depth) {
    if (!field.is_repeated()) {
      SetField(message, field, depth);
      return;
    }
    const int count = static_cast<int>(random_() % (options_.max_repeated + 1));
    for (int i = 0; i < count; ++i) {
      if (field.is_map()) {
        AddEntry(message, field, i);
      } else {
        AddField(message, field, depth);
      }
    }
  }

  // Every map of ours is from text to text. In wire form: reflection over maps reads a layout that
  // differs between a protobuf library built with TSan and one without. Keys of a map differ.
  void AddEntry(Message& message, const FieldDescriptor& field, int index) {
    std::string entry;
    {
      google::protobuf::io::StringOutputStream stream(&entry);
      google::protobuf::io::CodedOutputStream out(&stream);
      WireFormatLite::WriteString(1, Text() + std::to_string(index), &out);
      WireFormatLite::WriteString(2, Text(), &out);
    }
    std::string wire;
    {
      google::protobuf::io::StringOutputStream stream(&wire);
      google::protobuf::io::CodedOutputStream out(&stream);
      WireFormatLite::WriteBytes(field.number(), entry, &out);
    }
    message.MergeFromString(wire);
  }

  void SetField(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection.SetInt32(&message, &field, static_cast<int32_t>(Number()));
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection.SetInt64(&message, &field, static_cast<int64_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection.SetUInt32(&message, &field, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection.SetUInt64(&message, &field, Number());
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.SetDouble(&message, &field, Real());
      case FieldDescriptor::CPPTYPE_FLOAT:
        return reflection.SetFloat(&message, &field, static_cast<float>(random_() % 1000) / 8);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, Chance(0.5));
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection.SetEnumValue(&message, &field, EnumNumber(*field.enum_type()));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection.SetString(&message, &field, Text());
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(*reflection.MutableMessage(&message, &field), depth + 1);
    }
  }

  void AddField(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection.AddUInt32(&message, &field, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection.AddUInt64(&message, &field, Number());
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection.AddEnumValue(&message, &field, EnumNumber(*field.enum_type()));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection.AddString(&message, &field, Text());
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(*reflection.AddMessage(&message, &field), depth + 1);
      default:
        return;  // no such repeated field in the protos
    }
  }

  std::mt19937_64& random_;
  const RandomEventOptions& options_;
};

constexpr std::array<v1::EventKind, 6> kLogKinds = {
    v1::EVENT_KIND_PROCESS,     v1::EVENT_KIND_NETWORK,         v1::EVENT_KIND_FILESYSTEM,
    v1::EVENT_KIND_PERFORMANCE, v1::EVENT_KIND_TRIGGER_REQUEST, v1::EVENT_KIND_LOSS};

Message& PayloadOf(Event& event, v1::EventKind kind) {
  switch (kind) {
    case v1::EVENT_KIND_NETWORK:
      return *event.mutable_network();
    case v1::EVENT_KIND_FILESYSTEM:
      return *event.mutable_filesystem();
    case v1::EVENT_KIND_PERFORMANCE:
      return *event.mutable_performance();
    case v1::EVENT_KIND_TRIGGER_REQUEST:
      return *event.mutable_trigger_request();
    case v1::EVENT_KIND_LOSS:
      return *event.mutable_loss();
    case v1::EVENT_KIND_CONTROL:
      return *event.mutable_control();
    default:
      return *event.mutable_process();
  }
}

}  // namespace

Event RandomEvent(std::mt19937_64& random, const RandomEventOptions& options) {
  Event event;
  FillRandomly(random, options, event);
  event.clear_payload();
  const v1::EventKind kind = options.kind ? *options.kind : kLogKinds[random() % kLogKinds.size()];
  FillRandomly(random, options, PayloadOf(event, kind));
  return event;
}

void FillRandomly(std::mt19937_64& random, const RandomEventOptions& options, Message& message) {
  Filler(random, options).Fill(message, 0);
}

}  // namespace daemoneye::event
