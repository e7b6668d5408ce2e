#include "config/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

namespace gatelog::config {
namespace {

const auto kNoEnvironment = [](const char* name) -> const char* {
  return std::string_view(name) == "HOME" ? "/home/someone" : nullptr;
};

class ConfigTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string file = testing::TempDir() + "gatelog-config-test.toml";
    std::ofstream(file) << text;
    return file;
  }
};

TEST_F(ConfigTest, DefaultsNeedNothing) {
  const auto config = Load("", kNoEnvironment);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->grpc_address, "127.0.0.1:4000");
  EXPECT_EQ(config->data_dir, "/home/someone/.local/share/gatelog");
}

TEST_F(ConfigTest, TheEnvironmentWinsOverTheFile) {
  const std::string file =
      Write("[grpc]\naddress = \"127.0.0.1:1\"\n[device]\nkeep_alive_ms = 500\n");
  const auto config = Load(file, [](const char* name) -> const char* {
    return std::string_view(name) == "GATELOG_GRPC_ADDRESS" ? "127.0.0.1:2" : nullptr;
  });
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->grpc_address, "127.0.0.1:2");
  EXPECT_EQ(config->device_keep_alive, std::chrono::milliseconds(500));
}

TEST_F(ConfigTest, AnUnknownKeyIsNamedWithItsLine) {
  const auto config = Load(Write("\n[grpc]\nadress = \"x\"\n"), kNoEnvironment);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(config.status().message().find(":3: there is no key 'grpc.adress'"), std::string::npos)
      << config.status();
}

TEST_F(ConfigTest, ValuesHaveTypesAndLimits) {
  for (const char* text :
       {"[device]\npage_records = 1\n", "[device]\npage_records = \"many\"\n",
        "[grpc]\nplaintext = 1\n", "[grpc]\naddress = 4000\n", "nonsense",
        "[device]\nreconnect_delay_ms_min = 5000\nreconnect_delay_ms_max = 50\n"}) {
    EXPECT_EQ(Load(Write(text), kNoEnvironment).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST_F(ConfigTest, VariablesThatAreNoKeysAreNamed) {
  const char* const environment[] = {"HOME=/home/someone",
                                     "GATELOG_GRPC_ADRESS=127.0.0.1:1",
                                     "GATELOG_GRPC_ADDRESS=127.0.0.1:2",
                                     "GATELOG_STORE=postgresql://secret@host/gatelog",
                                     "GATELOG_GATEWAY=localhost:4000",
                                     "GATELOG_PORT_4000_TCP=tcp://10.0.0.1:4000",
                                     "GATELOG_SERVICE_HOST=10.0.0.1",
                                     "GATELOG_DATADIR",
                                     nullptr};
  EXPECT_EQ(UnknownVariables(environment),
            (std::vector<std::string>{"GATELOG_GRPC_ADRESS", "GATELOG_DATADIR"}));
}

TEST_F(ConfigTest, AMissingFileIsNotFound) {
  EXPECT_EQ(Load("/nowhere/gatelog.toml", kNoEnvironment).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ConfigTest, TheSampleNamesEveryKeyAndLoads) {
  std::string sample = AnnotatedSample();
  for (const Setting& setting : Settings()) {
    const std::size_t dot = setting.key.find('.');
    const std::string name(setting.key.substr(dot == std::string_view::npos ? 0 : dot + 1));
    const std::string commented = "# " + name + " = ";
    const std::size_t at = sample.find(commented);
    ASSERT_NE(at, std::string::npos) << setting.key;
    sample.replace(at, 2, "");  // in force
  }
  const auto config = Load(Write(sample), kNoEnvironment);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->device_page_records, Config().device_page_records);
}

}  // namespace
}  // namespace gatelog::config
