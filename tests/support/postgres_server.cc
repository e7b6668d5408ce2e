#include "tests/support/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::testing {
namespace {

constexpr std::chrono::seconds kStartLimit{60};
constexpr std::chrono::milliseconds kPoll{10};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "The PostgreSQL server of the tests: %s\n", what.c_str());
  std::abort();
}

std::string FindPrograms() {
  for (const char* version : {"15", "16", "17", "14"}) {
    std::string directory = absl::StrCat("/usr/lib/postgresql/", version, "/bin");
    if (access((directory + "/postgres").c_str(), X_OK) == 0) return directory;
  }
  Fail("there is none; install the package postgresql-15 (script/bootstrap does).");
}

// Whom the server runs as: it refuses root.
const passwd* Unprivileged() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) user = getpwnam("nobody");
  if (user == nullptr) Fail("there is no user that it could run as.");
  return user;
}

}  // namespace

PostgresServer::PostgresServer(std::string shared_buffers)
    : shared_buffers_(std::move(shared_buffers)), programs_(FindPrograms()) {
  if (const passwd* user = Unprivileged()) {
    if (chown(directory_.path().c_str(), user->pw_uid, user->pw_gid) != 0) {
      Fail("its directory cannot be given to its user.");
    }
  }
  const pid_t initdb =
      Spawn({programs_ + "/initdb", "-D", directory_.path() + "/data", "-A", "trust", "-U",
             "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"});
  int status = 0;
  if (waitpid(initdb, &status, 0) != initdb || status != 0) Fail("initdb failed.");
  Start();
}

PostgresServer::~PostgresServer() { Crash(); }

PostgresServer& PostgresServer::Shared() {
  static PostgresServer server;
  return server;
}

pid_t PostgresServer::Spawn(const std::vector<std::string>& command) const {
  const passwd* user = Unprivileged();
  const std::string log = directory_.path() + "/log";
  std::vector<char*> arguments;
  for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) Fail("there can be no further process.");
  if (child > 0) return child;
  // From here to exec only what is allowed between the two.
  if (user != nullptr &&
      (setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
    _exit(1);
  }
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (getppid() != parent || chdir("/") != 0) _exit(1);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) _exit(1);
  execv(arguments[0], arguments.data());
  _exit(1);
}

void PostgresServer::Start() {
  const std::string data = directory_.path() + "/data";
  server_ = Spawn({programs_ + "/postgres", "-D", data, "-k", directory_.path(), "-c",
                   "listen_addresses=", "-c", "max_connections=60", "-c",
                   "shared_buffers=" + shared_buffers_});
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  while (PQping(UrlOf("postgres").c_str()) != PQPING_OK) {
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) Fail("it ended at once.");
    if (std::chrono::steady_clock::now() > limit) Fail("it does not get ready.");
    std::this_thread::sleep_for(kPoll);
  }
}

void PostgresServer::Crash() {
  if (server_ == 0) return;
  kill(server_, SIGQUIT);
  int status = 0;
  waitpid(server_, &status, 0);
  server_ = 0;
}

std::string PostgresServer::UrlOf(const std::string& database, const std::string& user) const {
  return absl::StrCat("postgresql:///", database, "?host=", directory_.path(), "&user=", user);
}

std::string PostgresServer::NewDatabase(const std::string& options) {
  const std::string name = absl::StrCat("test_", ++databases_);
  Execute(UrlOf("postgres"), absl::StrCat("CREATE DATABASE ", name, " ", options));
  return UrlOf(name);
}

void PostgresServer::Execute(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(url.c_str()), PQfinish);
  PQsetNoticeProcessor(
      session.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(session.get(), sql.c_str()),
                                                             PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    Fail(absl::StrCat(sql, ": ", PQerrorMessage(session.get())));
  }
}

}  // namespace gatelog::testing
