#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace gatelog::terminal {

// How many bytes the answers that are coming in may hold, of all links together. One thread.
class AnswerRoom {
 public:
  // What one answer takes of it, and gives back at its end.
  class Share {
   public:
    explicit Share(std::shared_ptr<AnswerRoom> room) : room_(std::move(room)) {}
    ~Share() { room_->used_ -= taken_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // False, and nothing more is taken, if that is beyond the room.
    bool Take(std::size_t size) {
      if (size > room_->max_ - room_->used_) return false;
      room_->used_ += size;
      taken_ += size;
      return true;
    }

   private:
    const std::shared_ptr<AnswerRoom> room_;
    std::size_t taken_ = 0;
  };

  explicit AnswerRoom(std::size_t max) : max_(max) {}

  std::size_t max() const { return max_; }

 private:
  const std::size_t max_;
  std::size_t used_ = 0;
};

}  // namespace gatelog::terminal
