// Answers to echo requests (RFC 792).
#pragma once

#include "guests/network/interface.hpp"
#include "guests/network/ipv4.hpp"

namespace guest::network {

// Answers `packet` if it is an echo request.
void receive_icmp(Interface& interface, const Ipv4Packet& packet);

}  // namespace guest::network
