#pragma once

namespace gatelog::bench {

// How many messages of 40 bytes a second nats-server hands from one publisher to one subscriber on
// this machine, now: what the machine can do, told by a program that has nothing to do with ours.
// Some two seconds. What goes wrong ends the program.
double NatsDeliveriesPerSecond();

}  // namespace gatelog::bench
