#include "libs/trigger/compiled_trigger.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "libs/sql/sql_error.h"
#include "libs/trigger/condition_sql.h"
#include "libs/trigger/trigger_check.h"

namespace daemoneye::trigger {
namespace {

constexpr size_t kMaxDetails = 32;

v1::TriggerProblem ToProblem(const std::string& field, const absl::Status& status) {
  std::string message(status.message());
  if (message.starts_with(field + ": ")) message.erase(0, field.size() + 2);
  v1::TriggerProblem problem = Problem(field, std::move(message));
  if (const auto position = sql::PositionOf(status)) problem.set_position(*position);
  return problem;
}

// Without what ends it, so that it can stand in parentheses.
std::string Bare(std::string_view sql) {
  const size_t end = sql.find_last_not_of(" \t\r\n;");
  return std::string(sql.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

class Compiler {
 public:
  Compiler(const v1::Trigger& trigger, sql::GuardedConnection& connection,
           std::vector<v1::TriggerProblem>* problems)
      : trigger_(trigger), connection_(connection), problems_(problems) {}

  std::unique_ptr<sql::SqlProgram> Program(const std::string& field, const std::string& text,
                                           const sql::CompileOptions& options) {
    connection_.set_subject(field);
    auto program = sql::SqlProgram::Compile(text, connection_, options);
    connection_.set_subject("condition.sql");
    if (program.ok()) return *std::move(program);
    problems_->push_back(ToProblem(field, program.status()));
    return nullptr;
  }

  // Each exception alone, so that what is wrong is named, then all of them in one statement.
  std::unique_ptr<sql::SqlProgram> Exceptions(const std::string& head, bool is_window) {
    if (trigger_.exceptions().empty()) return nullptr;
    const sql::CompileOptions options{
        .condition_head = head, .is_window = is_window, .is_condition_only = true};
    std::unique_ptr<sql::SqlProgram> last;
    for (int i = 0; i < trigger_.exceptions_size(); ++i) {
      last = Program(fmt::format("exceptions[{}]", i), trigger_.exceptions(i), options);
    }
    if (!problems_->empty() || is_window || trigger_.exceptions_size() == 1) return last;
    return Program("exceptions", AnyException(), options);
  }

  std::string AnyException() const {
    std::vector<std::string> terms;
    for (const std::string& term : trigger_.exceptions()) terms.push_back("(" + term + "\n)");
    return fmt::format("{}", fmt::join(terms, " OR "));
  }

 private:
  const v1::Trigger& trigger_;
  sql::GuardedConnection& connection_;
  std::vector<v1::TriggerProblem>* problems_;
};

bool ReadsChanging(const sql::SqlProgram& program) { return !program.live_tables().empty(); }

void CompileAlone(const std::string& sql, Compiler& compiler, CompiledTrigger* trigger) {
  trigger->program = compiler.Program("condition.sql", sql,
                                      {.condition_head = "SELECT * FROM process_events WHERE "});
  if (trigger->program == nullptr) return;
  const std::string head = fmt::format("SELECT 1 FROM {} WHERE ", trigger->program->table().name);
  trigger->exceptions = compiler.Exceptions(head, /*is_window=*/false);
  trigger->reads_live = ReadsChanging(*trigger->program) ||
                        (trigger->exceptions != nullptr && ReadsChanging(*trigger->exceptions));
  trigger->is_batched = trigger->program->is_batch_independent() && !trigger->reads_live;
}

void FindKey(const v1::Trigger& definition, CompiledTrigger* trigger,
             std::vector<v1::TriggerProblem>* problems) {
  const std::string& key = definition.condition().key();
  if (key.empty()) return;
  const std::vector<std::string>& names = trigger->program->result_names();
  for (size_t i = 0; i < names.size(); ++i) {
    if (!absl::EqualsIgnoreCase(names[i], key)) continue;
    trigger->key_columns = {static_cast<int>(i)};
    return;
  }
  problems->push_back(
      Problem("condition.key", fmt::format("the statement has no result column \"{}\"", key)));
}

void CompileWindow(const std::string& sql, Compiler& compiler, CompiledTrigger* trigger,
                   std::vector<v1::TriggerProblem>* problems) {
  const sql::CompileOptions options{.condition_head = "SELECT * FROM process_events WHERE ",
                                    .is_window = true};
  trigger->program = compiler.Program("condition.sql", sql, options);
  if (trigger->program == nullptr) return;
  if (!trigger->definition->exceptions().empty()) {
    const std::string whole = sql::IsSelect(sql) ? Bare(sql) : trigger->program->text();
    compiler.Exceptions(fmt::format("SELECT 1 FROM ({}\n) WHERE ", whole), /*is_window=*/true);
    if (!problems->empty()) return;
    trigger->program = compiler.Program(
        "exceptions", fmt::format("SELECT *, ({}) FROM ({}\n)", compiler.AnyException(), whole),
        options);
    if (trigger->program == nullptr) return;
    trigger->has_window_exceptions = true;
  }
  trigger->reads_live = ReadsChanging(*trigger->program);
  FindKey(*trigger->definition, trigger, problems);
}

}  // namespace

std::unique_ptr<CompiledTrigger> CompileTrigger(std::shared_ptr<const v1::Trigger> definition,
                                                sql::GuardedConnection& connection,
                                                sql::GuardedConnection& window_connection,
                                                std::vector<v1::TriggerProblem>* problems) {
  const auto sql = ConditionSql(definition->condition());
  if (!sql.ok()) {
    const std::string message(sql.status().message());
    const size_t colon = message.find(": ");
    problems->push_back(Problem(message.substr(0, colon), message.substr(colon + 2)));
    return nullptr;
  }
  auto trigger = std::make_unique<CompiledTrigger>();
  trigger->definition = std::move(definition);
  const v1::Trigger& d = *trigger->definition;
  const size_t before = problems->size();
  if (d.condition().has_window()) {
    trigger->window = WindowOf(d);
    Compiler compiler(d, window_connection, problems);
    CompileWindow(*sql, compiler, trigger.get(), problems);
  } else {
    Compiler compiler(d, connection, problems);
    CompileAlone(*sql, compiler, trigger.get());
  }
  if (problems->size() > before || trigger->program == nullptr) return nullptr;
  trigger->has_details = d.condition().kind_case() == v1::TriggerCondition::kSql &&
                         sql::IsSelect(*sql) &&
                         trigger->program->result_names().size() <= kMaxDetails;
  return trigger;
}

}  // namespace daemoneye::trigger
