// The tables that every server and every monitor has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/collector_options.h"
#include "libs/config/common_options.h"
#include "libs/config/config.h"
#include "libs/config/environment_parser.h"
#include "libs/config/fake_input.h"
#include "libs/config/name_index.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

OptionTable ProcmondTable() {
  OptionTable table = CommonServerOptions({.component = "procmond", .metrics_port = 9464});
  table.Append(CollectorOptions("procmond")).Append(ProcessOptions());
  return table;
}

absl::StatusOr<Config> Load(std::vector<std::string> args) {
  return Config::Load(ProcmondTable(), FakeInput(std::move(args)));
}

TEST(ServerOptionsTest, TheSeedsCommandLineRuns) {
  const absl::StatusOr<Config> config = Load(
      {"--interval", "60", "--max_processes", "500", "--enhanced_metadata", "--compute_hashes"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->GetDuration("collection_interval"), absl::Seconds(60));
  EXPECT_EQ(config->GetInt("max_processes_per_cycle"), 500);
  EXPECT_TRUE(config->GetBool("collect_enhanced_metadata"));
  EXPECT_TRUE(config->GetBool("compute_executable_hashes"));
}

TEST(ServerOptionsTest, EverySeedSettingHasItsKeyAndDefault) {
  const Config config = Load({}).value();
  std::map<std::string, std::string> printed;
  for (const SettingView& view : config.Settings()) printed[view.key] = view.value;
  const std::map<std::string, std::string> want = {
      {"collection_interval", "30s"},
      {"collect_enhanced_metadata", "true"},
      {"max_processes_per_cycle", "0"},
      {"compute_executable_hashes", "false"},
      {"max_event_sources", "16"},
      {"event_buffer_size", "1000"},
      {"backpressure_threshold", "0"},
      {"max_backpressure_wait", "500ms"},
      {"max_batch_size", "100"},
      {"batch_timeout", "100ms"},
      {"startup_timeout", "10s"},
      {"shutdown_timeout", "30s"},
      {"health_check_interval", "60s"},
      {"telemetry_interval", "30s"},
      {"enable_telemetry", "true"},
      {"enable_debug_logging", "false"},
      {"component_name", "\"procmond\""},
      {"max_events_in_flight", "1000"},
      {"enable_event_driven", "true"},
      {"track_process_lifecycle", "true"},
      {"detect_suspicious_events", "true"},
  };
  for (const auto& [key, value] : want) EXPECT_EQ(printed[key], value) << key;
}

TEST(ServerOptionsTest, EveryServerFlagIsThere) {
  const Config config = Load({}).value();
  for (const char* flag :
       {"listen",        "operator_listen", "metrics_address", "health_listen", "health_check",
        "config",        "log_level",       "log_format",      "data_dir",      "node_name",
        "labels",        "ring_events",     "ring_bytes",      "tls_cert",      "tls_key",
        "tls_client_ca", "tls_operators",   "tls_viewers",     "insecure",      "reflection",
        "redact",        "check_config",    "print_config",    "version",       "help"}) {
    EXPECT_TRUE(config.Has(flag)) << flag;
  }
  EXPECT_THAT(config.GetList("listen"), ElementsAre("unix:///run/daemoneye/procmond.sock"));
  EXPECT_EQ(config.GetString("metrics_address"), "127.0.0.1:9464");
  EXPECT_EQ(config.GetString("config"), "/etc/daemoneye/procmond.yaml");
  EXPECT_EQ(config.GetBytes("ring_bytes"), 16u << 20);
}

TEST(ServerOptionsTest, AServerWithoutABusHasNoFlagsOfOne) {
  const Config config =
      Config::Load(CommonServerOptions({.component = "binary-hasher", .has_bus = false}),
                   FakeInput({}))
          .value();
  for (const char* flag : {"labels", "ring_events", "ring_bytes", "redact"}) {
    EXPECT_FALSE(config.Has(flag)) << flag;
  }
  for (const char* flag : {"listen", "metrics_address", "node_name", "data_dir", "tls_cert"}) {
    EXPECT_TRUE(config.Has(flag)) << flag;
  }
}

TEST(ServerOptionsTest, NoVariableIsOneThatKubernetesSets) {
  const OptionTable table = ProcmondTable();
  const NameIndex index = NameIndex::Create(table).value();
  for (const std::string& name : index.names()) {
    EXPECT_FALSE(IsSetByKubernetes(VariableName(name))) << name;
  }
}

TEST(ServerOptionsTest, EverySettingIsExplained) {
  for (const OptionSpec& spec : ProcmondTable().specs) {
    EXPECT_TRUE(spec.doc.ends_with('.')) << spec.key;
  }
}

TEST(ServerOptionsTest, RulesBetweenSettingsNameThem) {
  const struct {
    std::vector<std::string> args;
    const char* want;
  } cases[] = {
      {{"--interval=4"}, "--interval: 4 is below 5 (seconds, 5..3600)"},
      {{"--event_buffer_size=100", "--backpressure_threshold=100"},
       "backpressure_threshold: 100 is not below event_buffer_size, which is 100"},
      {{"--max_batch_size=0"}, "--max_batch_size: 0 is below 1 (events, 1..100000)"},
      {{"--component_name="}, "--component_name: its length of 0 is below 1"},
      {{"--tls_cert=/c"}, "tls_key is missing: tls_cert and tls_key go together"},
      {{"--tls_key=/c"}, "tls_cert is missing: tls_cert and tls_key go together"},
      {{"--tls_client_ca=/c"}, "tls_client_ca needs tls_cert and tls_key"},
      {{"--tls_cert=/c", "--tls_key=/k", "--tls_viewers=v"}, "tls_viewers needs tls_client_ca"},
      {{"--sources=auto,scan"}, "sources: auto stands alone"},
      {{"--sources=exec", "--noenable_event_driven"}, "sources: exec needs enable_event_driven"},
      {{"--sources=exce"}, "'exce' is not one of auto, exec, connector, scan (did you mean exec?)"},
      {{"--labels=a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1"},
       "--labels: its count of 17 is above 16"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Load(c.args).status().ToString(), HasSubstr(c.want));
  }
  EXPECT_TRUE(Load({"--backpressure_threshold=999"}).ok());
  EXPECT_TRUE(Load({"--sources=scan", "--noenable_event_driven"}).ok());
  EXPECT_TRUE(
      Load({"--tls_cert=/c", "--tls_key=/k", "--tls_client_ca=/a", "--tls_viewers=v"}).ok());
}

TEST(ServerOptionsTest, HelpAndVersionAreSeenBeforeAnythingIsValid) {
  EXPECT_TRUE(AsksForHelp({"--intervall", "--help"}));
  EXPECT_TRUE(AsksForHelp({"-h"}));
  EXPECT_FALSE(AsksForHelp({"--node_name=--help"}));
  EXPECT_TRUE(AsksForVersion({"--version"}));
  EXPECT_FALSE(AsksForVersion({"--versions"}));
}

}  // namespace
}  // namespace daemoneye::config
