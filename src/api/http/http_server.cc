#include "api/http/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <utility>

#include "base/mutex.h"
#include "base/status_macros.h"

namespace gatelog::api {
namespace {

constexpr char kText[] = "text/plain; charset=utf-8";
constexpr int kOk = 200;
constexpr int kServiceUnavailable = 503;

// A fixed number of threads and a bounded queue. httplib's own queue has no bound.
class BoundedThreads final : public httplib::TaskQueue {
 public:
  BoundedThreads() {
    for (std::size_t i = 0; i < kHttpThreads; ++i) threads_.emplace_back([this] { Run(); });
  }

  // A task owns its connection and must run to close it, so what exceeds the queue waits here,
  // where new connections are accepted: they queue in the kernel, which refuses them when its own
  // bound is reached.
  void enqueue(std::function<void()> task) override {
    {
      MutexLock lock(mutex_);
      while (tasks_.size() >= kHttpQueueMax && !stopping_) changed_.wait(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
  }

  void shutdown() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Run() {
    for (;;) {
      std::function<void()> task;
      {
        MutexLock lock(mutex_);
        while (tasks_.empty() && !stopping_) changed_.wait(mutex_);
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      changed_.notify_all();
      task();
    }
  }

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> tasks_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

void Configure(httplib::Server& server) {
  server.new_task_queue = [] { return new BoundedThreads; };
  server.set_payload_max_length(kHttpBodySizeMax);
  server.set_read_timeout(kHttpTimeout);
  server.set_write_timeout(kHttpTimeout);
  server.set_keep_alive_timeout(kHttpIdle.count());
  // httplib's default would let a second process share the port in silence.
  server.set_socket_options([](int fd) {
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
}

void Serve(httplib::Server& server, const HttpServer::Sources& sources) {
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", kText);
  });
  server.Get("/readyz",
             [ask = sources.unready_reasons](const httplib::Request&, httplib::Response& response) {
               const std::vector<std::string> reasons = ask();
               std::string text = reasons.empty() ? "ready\n" : "";
               for (const std::string& reason : reasons) text += reason + "\n";
               response.status = reasons.empty() ? kOk : kServiceUnavailable;
               response.set_content(text, kText);
             });
  server.Get(
      "/metrics", [ask = sources.metrics](const httplib::Request&, httplib::Response& response) {
        const absl::StatusOr<MetricsSample> sample = ask();
        if (sample.ok()) {
          response.set_content(ToPrometheus(*sample), "text/plain; version=0.0.4; charset=utf-8");
          return;
        }
        response.status = kServiceUnavailable;
        response.set_content(std::string(sample.status().message()) + "\n", kText);
      });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.status != 404 || !response.body.empty()) return;
    response.set_content("There is nothing here. Try /healthz, /readyz or /metrics.\n", kText);
  });
}

}  // namespace

HttpServer::HttpServer(std::unique_ptr<httplib::Server> server, int port)
    : server_(std::move(server)), port_(port), thread_([this] { server_->listen_after_bind(); }) {
  // Until then a stop would be lost.
  while (!server_->is_running()) std::this_thread::yield();
}

HttpServer::~HttpServer() {
  server_->stop();
  thread_.join();
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const Options& options,
                                                              Sources sources) {
  GATELOG_RETURN_IF_ERROR(CheckCanListen(options.address, options.option));
  auto server = std::make_unique<httplib::Server>();
  Configure(*server);
  Serve(*server, sources);
  int port = options.address.port;
  if (port == 0) {
    port = server->bind_to_any_port(options.address.host);
  } else if (!server->bind_to_port(options.address.host, port)) {
    port = -1;
  }
  if (port > 0) return std::unique_ptr<HttpServer>(new HttpServer(std::move(server), port));
  GATELOG_RETURN_IF_ERROR(CheckCanListen(options.address, options.option));  // taken meanwhile
  return absl::InternalError(
      fmt::format("The HTTP server did not start on {}.", FormatListenAddress(options.address)));
}

}  // namespace gatelog::api
