#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_directory.h"

namespace gatelog::testing {

// A PostgreSQL server of the test process's own: in a new directory, on a Unix socket alone, as a
// user without rights where the process is root's. It ends with the process, however that ends. One
// thread at a time. What goes wrong ends the test: it has nothing to go on with.
class PostgresServer {
 public:
  // `shared_buffers`: the server's cache.
  explicit PostgresServer(std::string shared_buffers = "64MB");
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The one that tests share which do not stop it; started when it is first asked for.
  static PostgresServer& Shared();

  // Makes an empty database and returns its URL, for the server's superuser.
  std::string NewDatabase(const std::string& options = "");
  // The URL of a database, for a user.
  std::string UrlOf(const std::string& database, const std::string& user = "postgres") const;
  // Runs statements in a database.
  void Execute(const std::string& url, const std::string& sql);

  // As a power cut would end it, but for what the system has not written: nothing is said goodbye
  // to. Returns when it has ended.
  void Crash();
  // Returns when it takes sessions.
  void Start();

 private:
  pid_t Spawn(const std::vector<std::string>& command) const;

  TempDirectory directory_{TempDirectory::Place::kMemory};
  const std::string shared_buffers_;
  std::string programs_;  // the directory of initdb and postgres
  pid_t server_ = 0;
  int databases_ = 0;
};

}  // namespace gatelog::testing
