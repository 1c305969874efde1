#include "tools/eyectl/query_command.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "daemoneye/v1/gateway_service.grpc.pb.h"
#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "tools/eyectl/message_json.h"
#include "tools/eyectl/query_print.h"
#include "tools/eyectl/table.h"

namespace daemoneye::eyectl {
namespace {

using base::EscapeForTerminal;

constexpr int kMaxPages = 1000;

// int:5, real:0.5, null: by name; all else is text, also behind text:.
absl::StatusOr<v1::Cell> ParseParameter(std::string_view text) {
  v1::Cell cell;
  const size_t colon = text.find(':');
  const std::string_view type = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const std::string value(text.substr(colon == std::string_view::npos ? 0 : colon + 1));
  if (int64_t number = 0; type == "int" && absl::SimpleAtoi(value, &number)) {
    cell.set_int64(number);
    return cell;
  }
  if (double number = 0; type == "real" && absl::SimpleAtod(value, &number)) {
    cell.set_double_(number);
    return cell;
  }
  if (type == "null" && value.empty()) {
    cell.set_null(true);
    return cell;
  }
  if (type != "int" && type != "real" && type != "null") {
    cell.set_string(type == "text" ? value : std::string(text));
    return cell;
  }
  return absl::InvalidArgumentError("want int:NUMBER, real:NUMBER, null:, or a text");
}

std::string TablesText(const v1::DescribeTablesResponse& all) {
  std::string out;
  for (const v1::TableDescription& table : all.tables()) {
    out += fmt::format("{}{}: {}\n", EscapeForTerminal(table.name()), table.live() ? " (now)" : "",
                       EscapeForTerminal(table.description()));
    Table columns({"COLUMN", "TYPE", "VALUES"});
    for (const v1::ColumnDescription& column : table.columns()) {
      std::string values;
      for (const std::string& value : column.values()) {
        values += (values.empty() ? "" : ", ") + EscapeForTerminal(value);
      }
      columns.Add({EscapeForTerminal(column.name()), EscapeForTerminal(column.type()), values});
    }
    out += columns.ToString("  ") + "\n";
  }
  return out;
}

}  // namespace

void QueryCommand::AddFlags(FlagSet& flags) {
  flags.AddBool("json", "a JSON object a row", &json_);
  flags.AddBool("csv", "comma-separated values under a header", &csv_);
  flags.AddBool("tables", "the tables and columns there are", &tables_);
  flags.AddUnsigned("max_rows", "end after this many rows (10000)", &max_rows_);
  flags.AddDuration("timeout", "give up after this (30s)", &timeout_);
  flags.Add({.name = "param",
             .value_name = "VALUE",
             .doc = "value of ?1, ?2, ...: a text, int:NUMBER, real:NUMBER, or null:",
             .set = [this](std::string_view text) -> absl::Status {
               ASSIGN_OR_RETURN(*request_.add_parameters(), ParseParameter(text));
               return absl::OkStatus();
             },
             .repeatable = true});
}

absl::Status QueryCommand::SetArguments(std::span<const std::string> arguments) {
  if (json_ && csv_) return absl::InvalidArgumentError("--json and --csv exclude each other");
  if (tables_ && arguments.empty()) return absl::OkStatus();
  if (tables_ || arguments.size() != 1) {
    return absl::InvalidArgumentError("want one SELECT, in quotes, or --tables");
  }
  request_.set_sql(arguments.front());
  request_.set_max_rows(max_rows_);
  if (timeout_ > absl::ZeroDuration()) {
    *request_.mutable_timeout() =
        google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(timeout_));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> QueryCommand::Run(Session& session) {
  return tables_ ? ListTables(session) : Query(session);
}

absl::StatusOr<int> QueryCommand::Query(Session& session) {
  const auto stub = v1::GatewayService::NewStub(session.connection.channel());
  grpc::ClientContext context;
  const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
  const auto stream = stub->Query(&context, request_);
  RowPrinter printer(json_ ? RowFormat::kJson : csv_ ? RowFormat::kCsv : RowFormat::kTable);
  std::optional<v1::QueryEnd> end;
  absl::Status written;
  bool shows_progress = false;
  v1::QueryResponse message;
  while (written.ok() && stream->Read(&message)) {
    std::string text;
    if (message.has_columns()) text = printer.Columns(message.columns());
    if (message.has_rows()) text = printer.Rows(message.rows());
    if (message.has_end()) end = message.end();
    if (message.has_progress() && session.err.IsTerminal()) {
      shows_progress = true;
      written =
          session.err.Write(fmt::format("\r{} events looked at, {} rows ",
                                        message.progress().scanned(), message.progress().rows()));
    }
    if (!text.empty() && written.ok()) written = session.out.Write(text);
  }
  if (!written.ok()) context.TryCancel();
  const grpc::Status status = stream->Finish();
  if (shows_progress) RETURN_IF_ERROR(session.err.Write("\r\x1b[K"));
  RETURN_IF_ERROR(written);
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(fmt::format("{} is not a gateway: it answers no queries",
                                                EscapeForTerminal(session.connection.address())));
  }
  RETURN_IF_ERROR(session.connection.ToStatus(status));
  RETURN_IF_ERROR(session.out.Write(printer.End()));
  if (end.has_value()) RETURN_IF_ERROR(Tell(session, *end));
  return 0;
}

absl::Status QueryCommand::Tell(Session& session, const v1::QueryEnd& end) const {
  std::string text;
  if (end.truncated()) text += fmt::format("cut off at {} rows: see --max_rows\n", end.rows());
  if (!end.completeness().complete()) {
    text += "not complete:\n";
    for (const std::string& reason : end.completeness().reasons()) {
      text += fmt::format("  {}\n", EscapeForTerminal(reason));
    }
  }
  return text.empty() ? absl::OkStatus() : session.err.Write(text);
}

absl::StatusOr<int> QueryCommand::ListTables(Session& session) {
  const auto stub = v1::GatewayService::NewStub(session.connection.channel());
  v1::DescribeTablesResponse all;
  v1::DescribeTablesRequest request;
  for (int page = 0; page < kMaxPages; ++page) {
    grpc::ClientContext context;
    SetTimeout(context, kUnaryTimeout);
    const Interrupt::Scope scope(session.interrupt, [&context] { context.TryCancel(); });
    v1::DescribeTablesResponse response;
    RETURN_IF_ERROR(
        session.connection.ToStatus(stub->DescribeTables(&context, request, &response)));
    all.mutable_tables()->MergeFrom(response.tables());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  RETURN_IF_ERROR(session.out.Write(json_ ? MessageJson(all, true) + "\n" : TablesText(all)));
  return 0;
}

}  // namespace daemoneye::eyectl
