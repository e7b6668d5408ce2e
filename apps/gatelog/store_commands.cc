#include "apps/gatelog/store_verbs.h"

namespace gatelog::cli {

void AddStoreCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("store", "The store of a gateway");
  noun->require_subcommand(1);
  AddStoreVerify(*noun, session);
  AddStoreForget(*noun, session);
}

}  // namespace gatelog::cli
