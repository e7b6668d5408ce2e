#include "ports/device_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatelog::ports {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHexKey[] = "000102030405060708090a0b0c0d0e0f";

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<DeviceAddress> address = ParseAddress(text);
  if (address.ok()) return "no error";
  EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(address.status().message());
}

DeviceAddress Parsed(std::string_view text) {
  const absl::StatusOr<DeviceAddress> address = ParseAddress(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return address.value_or(DeviceAddress{});
}

TEST(DeviceAddress, AHostAloneIsATerminalAtItsUsualPort) {
  const absl::StatusOr<DeviceAddress> address = ParseAddress("127.0.0.1");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(*address, (DeviceAddress{"terminal", "127.0.0.1", 51211, ""}));
}

TEST(DeviceAddress, ReadsHostAndPort) {
  EXPECT_EQ(Parsed("127.0.0.2:4000").port, 4000);
  EXPECT_EQ(Parsed("door-7.example:51212").host, "door-7.example");
  EXPECT_EQ(Parsed("[::1]:51213"), (DeviceAddress{"terminal", "::1", 51213, ""}));
  EXPECT_EQ(Parsed("[fe80::1%eth0]"), (DeviceAddress{"terminal", "fe80::1%eth0", 51211, ""}));
}

TEST(DeviceAddress, ReadsUrlsOfAnyFamily) {
  EXPECT_EQ(Parsed("terminal://door:51211"), (DeviceAddress{"terminal", "door", 51211, ""}));
  EXPECT_EQ(Parsed("TERMINAL://door/"), (DeviceAddress{"terminal", "door", 51211, ""}));
  EXPECT_EQ(Parsed("uhppote://10.0.0.9:60000"), (DeviceAddress{"uhppote", "10.0.0.9", 60000, ""}));
}

TEST(DeviceAddress, OtherFamiliesNeedAPort) {
  EXPECT_THAT(ErrorOf("uhppote://10.0.0.9"), HasSubstr("needs a port: uhppote://HOST:PORT"));
}

TEST(DeviceAddress, ReadsTheKey) {
  const absl::StatusOr<DeviceAddress> address =
      ParseAddress(std::string("terminal://door:51211?key=") + kHexKey);
  ASSERT_TRUE(address.ok()) << address.status();
  ASSERT_EQ(address->key.size(), 16u);
  EXPECT_EQ(address->key[15], 15);
  EXPECT_EQ(Parsed(std::string("127.0.0.1?key=") + kHexKey).key, address->key);
}

TEST(DeviceAddress, ShowsNoKey) {
  const auto address = ParseAddress(std::string("terminal://[::1]:5?key=") + kHexKey);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(FormatAddress(*address), "[::1]:5");
  EXPECT_THAT(ErrorOf(std::string("a b?key=") + kHexKey), Not(HasSubstr(kHexKey)));
  EXPECT_THAT(ErrorOf(std::string("door?") + kHexKey), Not(HasSubstr(kHexKey)));
  EXPECT_THAT(ErrorOf(std::string("door?Key=") + kHexKey), Not(HasSubstr(kHexKey)));
  EXPECT_THAT(ErrorOf(std::string("door?key=") + kHexKey + "xy"), Not(HasSubstr(kHexKey)));
}

TEST(DeviceAddress, FormatsWhatItReads) {
  for (const char* text : {"127.0.0.1:51211", "[::1]:4", "uhppote://10.0.0.9:60000"}) {
    const absl::StatusOr<DeviceAddress> address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(FormatAddress(*address), text);
  }
}

TEST(DeviceAddress, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOf(":51211"), HasSubstr("names no host"));
  EXPECT_THAT(ErrorOf("terminal://"), HasSubstr("names no host"));
  EXPECT_THAT(ErrorOf("door:"), HasSubstr("'' is no port"));
  EXPECT_THAT(ErrorOf("door:0"), HasSubstr("'0' is no port"));
  EXPECT_THAT(ErrorOf("door:65536"), HasSubstr("'65536' is no port"));
  EXPECT_THAT(ErrorOf("door:4294967297"), HasSubstr("is no port"));
  EXPECT_THAT(ErrorOf("door:+1"), HasSubstr("is no port"));
  EXPECT_THAT(ErrorOf("door/front"), HasSubstr("'door/front' is no host name"));
  EXPECT_THAT(ErrorOf("::1"), HasSubstr("in brackets"));
  EXPECT_THAT(ErrorOf("[::1"), HasSubstr("not closed"));
  EXPECT_THAT(ErrorOf("[]:1"), HasSubstr("not closed"));
  EXPECT_THAT(ErrorOf("[::1]51211"), HasSubstr("follows the bracket"));
  EXPECT_THAT(ErrorOf("[door]:51211"), HasSubstr("'door' is no IPv6 address"));
  EXPECT_THAT(ErrorOf("[fe80::1%]"), HasSubstr("is no IPv6 address"));
  EXPECT_THAT(ErrorOf("[fe80::1%a b]"), HasSubstr("is no IPv6 address"));
  EXPECT_THAT(ErrorOf("127.0.0.256"), HasSubstr("is no IPv4 address"));
  EXPECT_THAT(ErrorOf("10.0.1"), HasSubstr("is no IPv4 address"));
  EXPECT_THAT(ErrorOf("://door"), HasSubstr("is no device family"));
  EXPECT_THAT(ErrorOf("uhppote://1234@10.0.0.9:60000"), HasSubstr("no user part"));
  EXPECT_THAT(ErrorOf("door\n\x1b[2J"), HasSubstr("\\n\\033"));
  EXPECT_THAT(ErrorOf(std::string(300, 'a')), HasSubstr("300 bytes"));
}

TEST(DeviceAddress, RefusesUnknownParametersByName) {
  EXPECT_THAT(ErrorOf("door?zone=2"), HasSubstr("no parameter 'zone'; 'key' and 'tls' are known"));
  EXPECT_THAT(ErrorOf("door?key"), HasSubstr("reads NAME=VALUE"));
}

TEST(DeviceAddress, SaysWhetherLinksAreTls) {
  EXPECT_FALSE(ParseAddress("door")->tls);
  const DeviceAddress both = *ParseAddress(std::string("door?tls=1&key=") + kHexKey);
  EXPECT_TRUE(both.tls);
  EXPECT_FALSE(both.key.empty());
  EXPECT_THAT(ErrorOf("door?tls=yes"), HasSubstr("tls in an address is 1"));
}

TEST(DeviceAddress, ShowsNoPortOfADeviceThatCalls) {
  EXPECT_EQ(FormatAddress({.host = "10.0.0.7", .port = 0, .key = ""}), "10.0.0.7");
  EXPECT_EQ(FormatAddress({.host = "fe80::1", .port = 0, .key = ""}), "[fe80::1]");
}

TEST(DeviceAddress, RefusesWeakAndBrokenKeys) {
  EXPECT_THAT(ErrorOf("door?key=zz"), HasSubstr("not in hexadecimal"));
  EXPECT_THAT(ErrorOf("door?key=123"), HasSubstr("not in hexadecimal"));
  EXPECT_THAT(ErrorOf("door?key="), HasSubstr("0 bytes; 16 to 64"));
  EXPECT_THAT(ErrorOf("door?key=0011"), HasSubstr("2 bytes; 16 to 64"));
  EXPECT_THAT(ErrorOf("door?key=" + std::string(130, '0')), HasSubstr("65 bytes"));
  EXPECT_THAT(ErrorOf(std::string("door?key=") + kHexKey + "&key=" + kHexKey), HasSubstr("twice"));
}

}  // namespace
}  // namespace gatelog::ports
