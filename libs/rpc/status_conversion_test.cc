#include "libs/rpc/status_conversion.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"

namespace daemoneye::rpc {
namespace {

TEST(StatusConversionTest, EveryCodeComesBackWithItsMessage) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "what happened");
    EXPECT_EQ(ToGrpc(status).error_code(), code);
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  }
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(StatusConversionTest, RetryInfoTravels) {
  const absl::Status status =
      WithRetryInfo(absl::ResourceExhaustedError("full"), absl::Milliseconds(1500));
  EXPECT_EQ(RetryDelay(FromGrpc(ToGrpc(status))), absl::Milliseconds(1500));
  EXPECT_EQ(RetryDelay(absl::ResourceExhaustedError("full")), std::nullopt);
}

TEST(StatusConversionTest, InvalidFieldNamesTheField) {
  const absl::Status status = InvalidField("heartbeat_interval", "want 1..300 s");
  EXPECT_EQ(status.message(), "heartbeat_interval: want 1..300 s");
  EXPECT_FALSE(ToGrpc(status).error_details().empty());
}

TEST(StatusConversionTest, MessageIsBoundedAndUtf8WhateverItWas) {
  EXPECT_LE(ToGrpc(absl::InternalError(std::string(100'000, 'x'))).error_message().size(),
            kMaxMessageBytes);
  EXPECT_EQ(ToGrpc(absl::InternalError("bad \xff byte")).error_message(), "bad \\xff byte");
}

TEST(StatusConversionTest, DetailsThatAreTooLargeAreLeftOut) {
  absl::Status status = absl::InternalError("x");
  status.SetPayload("type.googleapis.com/x.Y", absl::Cord(std::string(100'000, 'x')));
  EXPECT_TRUE(ToGrpc(status).error_details().empty());
}

TEST(StatusConversionTest, DetailsThatDoNotParseAreIgnored) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "gone", "\xff\xff\xff garbage");
  EXPECT_EQ(FromGrpc(status), absl::UnavailableError("gone"));
}

}  // namespace
}  // namespace daemoneye::rpc
