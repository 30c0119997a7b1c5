// Turns the configuration of a container with a Hermit kernel (config.json of the OCI runtime specification) into that
// of a container whose process is the monitor.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/image/config.hpp"
#include "hermitage/oci/hermit_program.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

// Paths in the container. They are below its /dev, which is a separate file system, so nothing is added to the root
// file system.
inline constexpr std::string_view kMonitorPath = "/dev/hermitage/monitor";
inline constexpr std::string_view kRootPath = "/dev/hermitage/root";
inline constexpr std::string_view kTemporaryPath = "/dev/hermitage/tmp";
inline constexpr std::string_view kControlPath = "/dev/hermitage/tmp/control";  // a socket of the monitor

// Its value is the path of the kernel or image in the container.
inline constexpr std::string_view kKernelAnnotation = "org.hermitage.kernel";

// Its value is the path of a snapshot in the container, from which the guest continues.
inline constexpr std::string_view kSnapshotAnnotation = "org.hermitage.snapshot";

// Everything else that the container depends on.
struct ContainerFacts {
  std::string monitor;                  // the program `hermitage` on the host, an absolute path
  std::string root;                     // the root file system on the host, an absolute path
  int kvm = 3;                          // the descriptor of /dev/kvm in the container
  std::optional<std::string> net = {};  // the value of `run --net`; nothing: the guest has no network
  image::Config requirements = {};      // of the kernel: only its memory and vCPUs count
  std::string snapshot = {};            // the path of a snapshot in the container; empty: the guest boots
};

// The error is a sentence that names what a guest cannot have. Members that are not mentioned here stay as they are:
//  - process.args: the monitor, with the arguments of the guest; process.env and process.user stay, and the guest gets
//    the variables;
//  - mounts: the root file system becomes the guest's /, and volumes are mapped into it. What a container's own kernel
//    would provide (/proc, /sys, /dev) is not; other mounts below /dev are refused;
//  - linux.resources.memory.limit becomes the guest's memory, less what memory_of_guest() leaves for the monitor; a
//    CPU quota the number of its vCPUs, rounded up, or else the number of CPUs in the cpuset; if there are as many
//    vCPUs as CPUs in the cpuset, each is bound to one;
//  - annotations: kKernelAnnotation.
// With a snapshot, memory, vCPUs, arguments and variables are those of the saved guest; arguments in the configuration
// are refused.
[[nodiscard]] auto make_hermit_container(Json config, const HermitProgram& program, const ContainerFacts& facts)
    -> std::expected<Json, std::string>;

// The path in kSnapshotAnnotation, or nothing. The error is a sentence: it is not an absolute path.
[[nodiscard]] auto snapshot_in(const Json& config) -> std::expected<std::string, std::string>;

// Whether make_hermit_container() has made this configuration with this monitor.
[[nodiscard]] auto is_hermit_container(const Json& config, const std::string& monitor) -> bool;

// The descriptor of /dev/kvm in a configuration that make_hermit_container() has made; nothing for others.
[[nodiscard]] auto kvm_descriptor_of(const Json& config) -> std::optional<int>;

// The memory of a guest, in bytes, in a control group with this limit: a multiple of 2 MiB. The rest is for the monitor
// (4 MiB), and for the page tables of the host and of KVM, 8 bytes in each for a page of 4 KiB. 0 if that leaves less
// than a guest needs.
[[nodiscard]] auto memory_of_guest(std::uint64_t limit) -> std::uint64_t;

}  // namespace hermitage::oci
