#include "base/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"

namespace gatelog {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FixedClock final : public Clock {
 public:
  Timestamp Now() const override { return now; }
  std::chrono::steady_clock::time_point Steady() const override { return {}; }

  Timestamp now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
};

class CertificateTest : public ::testing::Test {
 protected:
  CertificateTest() {
    const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(::testing::TempDir()) /
                 (std::string("gatelog-cert-") + info->name() + "-" + std::to_string(::getpid()));
    fs::remove_all(directory_);
  }
  ~CertificateTest() override { fs::remove_all(directory_); }

  absl::StatusOr<ServerCertificate> Load() {
    return LoadOrMakeServerCertificate(directory_, names_, clock_);
  }
  std::string Read(const char* name) const { return *ReadFile(directory_ / name, 1 << 20); }
  void Write(const char* name, const std::string& content) const {
    std::ofstream(directory_ / name) << content;
  }
  mode_t Mode(const char* name) const {
    struct stat info {};
    EXPECT_EQ(::stat((directory_ / name).c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  fs::path directory_;
  CertificateNames names_{.dns = {"localhost", "gate.example"}, .ip = {"127.0.0.1", "::1"}};
  FixedClock clock_;
};

using X509Owner = std::unique_ptr<X509, decltype(&X509_free)>;

X509Owner Parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509Owner certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), &X509_free);
  BIO_free(bio);
  return certificate;
}

TEST_F(CertificateTest, MakesACaAndAServerCertificateForItsNames) {
  const auto made = Load();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->made);
  EXPECT_THAT(made->warnings, IsEmpty());
  EXPECT_EQ(made->ca_file, directory_ / "ca.crt");
  EXPECT_EQ(Mode("ca.key"), 0600u);
  EXPECT_EQ(Mode("server.key"), 0600u);
  EXPECT_EQ(Mode("ca.crt"), 0644u);

  const X509Owner ca = Parse(Read("ca.crt"));
  const X509Owner server = Parse(made->certificate);
  ASSERT_TRUE(ca && server);
  EXPECT_EQ(X509_verify(server.get(), X509_get0_pubkey(ca.get())), 1);
  EXPECT_EQ(X509_check_host(server.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(server.get(), "gate.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(server.get(), "other.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ca(ca.get()), 1);
  EXPECT_EQ(X509_check_ca(server.get()), 0);
  EXPECT_EQ(made->expires, clock_.now + std::chrono::days(kServerDays));
}

TEST_F(CertificateTest, UsesWhatIsThereAndDoesNotNeedTheCaKey) {
  const auto made = Load();
  ASSERT_TRUE(made.ok()) << made.status();
  fs::remove(directory_ / "ca.key");
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->made);
  EXPECT_EQ(again->certificate, made->certificate);
  EXPECT_EQ(again->key, made->key);
  EXPECT_FALSE(fs::exists(directory_ / "ca.key"));
}

TEST_F(CertificateTest, RenewsInTimeWithTheSameKeyAndCa) {
  const auto made = Load();
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string ca = Read("ca.crt");
  clock_.now = made->expires - std::chrono::days(kRenewDays + 1);
  EXPECT_FALSE(Load()->made);
  clock_.now = made->expires - std::chrono::days(kRenewDays - 1);
  const auto renewed = Load();
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_TRUE(renewed->made);
  EXPECT_EQ(renewed->key, made->key);
  EXPECT_NE(renewed->certificate, made->certificate);
  EXPECT_EQ(renewed->expires, clock_.now + std::chrono::days(kServerDays));
  EXPECT_EQ(Read("ca.crt"), ca);
}

TEST_F(CertificateTest, WarnsWhenItCannotRenew) {
  const auto made = Load();
  ASSERT_TRUE(made.ok()) << made.status();
  fs::remove(directory_ / "ca.key");
  clock_.now = made->expires - std::chrono::days(10);
  EXPECT_THAT(Load()->warnings, ElementsAre(HasSubstr("expires in 10 days")));
  clock_.now = made->expires + std::chrono::days(1);
  EXPECT_THAT(Load()->warnings, ElementsAre(HasSubstr("has expired")));
}

TEST_F(CertificateTest, RefusesAKeyThatIsNotTheCertificates) {
  ASSERT_TRUE(Load().ok());
  const std::string certificate = Read("server.crt");
  fs::remove(directory_ / "server.crt");
  fs::remove(directory_ / "server.key");
  ASSERT_TRUE(Load().ok());
  Write("server.crt", certificate);
  const absl::Status refused = Load().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("server.key is not the key of"));
}

TEST_F(CertificateTest, RefusesACertificateOfAnotherCa) {
  ASSERT_TRUE(Load().ok());
  const std::string certificate = Read("server.crt");
  const std::string key = Read("server.key");
  fs::remove_all(directory_);
  ASSERT_TRUE(Load().ok());
  Write("server.crt", certificate);
  Write("server.key", key);
  const absl::Status refused = Load().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("cannot be verified with"));
}

TEST_F(CertificateTest, GoesOnAfterAStartThatWasCutShort) {
  ASSERT_TRUE(Load().ok());
  const std::string ca_key = Read("ca.key");
  const std::string server_key = Read("server.key");
  fs::remove(directory_ / "ca.crt");
  fs::remove(directory_ / "server.crt");
  Write("server.crt.tmp", "half");
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Read("ca.key"), ca_key);
  EXPECT_EQ(again->key, server_key);
}

TEST_F(CertificateTest, SaysWhatIsMissingAndWhatToDo) {
  ASSERT_TRUE(Load().ok());
  fs::remove(directory_ / "ca.key");
  fs::remove(directory_ / "server.crt");
  absl::Status refused = Load().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("Put ca.key back"));

  fs::remove_all(directory_);
  ASSERT_TRUE(Load().ok());
  fs::remove(directory_ / "server.key");
  refused = Load().status();
  EXPECT_THAT(std::string(refused.message()), HasSubstr("its key"));

  Write("server.key", "garbage");
  refused = Load().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("server.key holds no private key"));
}

TEST_F(CertificateTest, WarnsOfAKeyThatOthersCanRead) {
  ASSERT_TRUE(Load().ok());
  fs::permissions(directory_ / "server.key", fs::perms(0640));
  EXPECT_THAT(Load()->warnings, ElementsAre(HasSubstr("can be read by other users")));
}

TEST_F(CertificateTest, SaysWhenTheDirectoryCannotBeMade) {
  fs::create_directories(directory_);
  Write("file", "");
  const auto refused = LoadOrMakeServerCertificate(directory_ / "file" / "cert", names_, clock_);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("Cannot make the directory"));
}

TEST(NamesOfThisMachine, HoldsLoopback) {
  const CertificateNames names = NamesOfThisMachine();
  EXPECT_THAT(names.dns, Contains("localhost"));
  EXPECT_THAT(names.ip, Contains("127.0.0.1"));
  EXPECT_THAT(names.ip, Contains("::1"));
}

}  // namespace
}  // namespace gatelog
