#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// GATELOG_RETURN_IF_ERROR(expr): leaves the function with the error of an absl::Status expression.
// GATELOG_ASSIGN_OR_RETURN(lhs, expr): the value of an absl::StatusOr expression, or leaves with
// its error.

#define GATELOG_RETURN_IF_ERROR(expr)                                 \
  do {                                                                \
    if (absl::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

#define GATELOG_CONCAT_INNER_(a, b) a##b
#define GATELOG_CONCAT_(a, b) GATELOG_CONCAT_INNER_(a, b)
#define GATELOG_ASSIGN_OR_RETURN(lhs, expr) \
  GATELOG_ASSIGN_OR_RETURN_IMPL_(GATELOG_CONCAT_(status_or_, __LINE__), lhs, expr)
#define GATELOG_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                   \
  if (!tmp.ok()) return std::move(tmp).status();       \
  lhs = *std::move(tmp)
