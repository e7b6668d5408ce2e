#include "apps/gatelog-sim/linkage.h"

#include "apps/gatelog-sim/services/service_test_support.h"
#include "apps/gatelog-sim/setting_names.h"

namespace gatelog::sim {
namespace {

class LinkageTest : public ServiceTest {
 protected:
  void Keep(const simulator::v1::Linkage& linkage) {
    EXPECT_TRUE(terminal_
                    ->Change([&] {
                      return terminal_->store().Save(kDevice, SettingStore::Area::kNetwork,
                                                     setting::kLinkage,
                                                     linkage.SerializeAsString());
                    })
                    .ok());
  }
};

TEST_F(LinkageTest, TlsIsNotGivenUpWhereTheTerminalKnowsNoOtherPort) {
  simulator::v1::Linkage linkage;
  linkage.set_calls_gateway(true);
  linkage.set_gateway_host("127.0.0.1");
  linkage.set_gateway_tls_port(51213);
  linkage.set_ca_certificate("a CA");
  Keep(linkage);
  terminal::Frame disable;
  disable.mutable_disable_tls();
  EXPECT_EQ(Relink(*terminal_, disable, "127.0.0.1").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(UsesTls(*LinkageOf(*terminal_))) << "nothing has changed";
  linkage.set_gateway_port(51212);
  Keep(linkage);
  const absl::StatusOr<Relinked> relinked = Relink(*terminal_, disable, "127.0.0.1");
  ASSERT_TRUE(relinked.ok()) << relinked.status();
  EXPECT_TRUE(relinked->changed);
  EXPECT_FALSE(UsesTls(*LinkageOf(*terminal_)));
  // One that is called needs none.
  linkage.set_calls_gateway(false);
  linkage.set_gateway_port(0);
  Keep(linkage);
  EXPECT_TRUE(Relink(*terminal_, disable, "127.0.0.1").ok());
}

}  // namespace
}  // namespace gatelog::sim
