#include "core/fleet/image_turns.h"

#include <utility>

namespace gatelog::core {

ImageTurns::Turn ImageTurns::Take(Task begin) {
  const Turn turn = ++last_;
  if (under_way_.size() >= max_) {
    waiting_.emplace(turn, std::move(begin));
    return turn;
  }
  under_way_.insert(turn);
  begin();
  return turn;
}

void ImageTurns::End(Turn turn) {
  waiting_.erase(turn);
  if (under_way_.erase(turn) == 0) return;
  if (waiting_.empty() || under_way_.size() >= max_) return;
  auto next = waiting_.extract(waiting_.begin());
  under_way_.insert(next.key());
  next.mapped()();
}

}  // namespace gatelog::core
