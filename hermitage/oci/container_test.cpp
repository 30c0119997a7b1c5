#include "hermitage/oci/container.hpp"

#include <gtest/gtest.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

using Strings = std::vector<std::string>;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

const HermitProgram kProgram{.kind = HermitProgram::Kind::kernel, .path = "/app", .init = "", .arguments = {"a", "--"}};
const ContainerFacts kFacts{.monitor = "/usr/bin/hermitage", .root = "/bundle/rootfs"};

// A configuration as engines make it, with members of several kinds that stay as they are.
auto config() -> Json {
  return *parse_json(R"({
    "ociVersion": "1.0.2-dev",
    "process": {"user": {"uid": 1000}, "args": ["/app", "a", "--"], "env": ["A=1"], "cwd": "/", "unknown": [1.5, null]},
    "root": {"path": "rootfs"},
    "mounts": [
      {"destination": "/proc", "type": "proc", "source": "proc"},
      {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
      {"destination": "/dev/shm", "type": "bind", "source": "/shm"},
      {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}],
    "linux": {"resources": {"memory": {"limit": 9223372036854775807}, "unknown": 18446744073709551615}}
  })");
}

auto mount(const char* destination, const char* source, const Json& options = Json::array()) -> Json {
  return {{"destination", destination}, {"type", "bind"}, {"source", source}, {"options", options}};
}

auto arguments_of(const Json& from, const HermitProgram& program = kProgram, const ContainerFacts& facts = kFacts)
    -> Strings {
  const auto made = make_hermit_container(from, program, facts);
  if (!made) return {made.error()};
  return strings_of(member(*made, {"process", "args"}));
}

// The values of an option in the arguments.
auto values_of(const Strings& arguments, const std::string& option) -> Strings {
  Strings values;
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == option) values.push_back(arguments[i + 1]);
  }
  return values;
}

auto error_of(const Json& from) -> std::string {
  const auto made = make_hermit_container(from, kProgram, kFacts);
  return made ? "none" : made.error();
}

TEST(Container, RunsTheMonitor) {
  auto from = config();
  from["linux"]["resources"].erase("memory");
  EXPECT_EQ(arguments_of(from),
            (Strings{"/dev/hermitage/monitor", "run", "--engine", "kvm", "--kvm-fd", "3", "--env-vars", "host",
                     "--tempdir", "/dev/hermitage/tmp", "--control", "/dev/hermitage/tmp/control", "--file-mapping",
                     "/dev/hermitage/root:/", "/app", "a", "--"}));
}

TEST(Container, KeepsEverythingElse) {
  auto made = make_hermit_container(config(), kProgram, kFacts);
  ASSERT_TRUE(made) << made.error();
  EXPECT_EQ(string_of(member(*made, {"annotations", kKernelAnnotation})), "/app");
  const auto& mounts = (*made)["mounts"];
  ASSERT_EQ(mounts.size(), 7U);
  EXPECT_EQ(to_text(mounts[4]),
            R"({"destination":"/dev/hermitage/monitor","type":"bind","source":"/usr/bin/hermitage",)"
            R"("options":["bind","private","ro","nosuid","nodev"]})");
  EXPECT_EQ(string_of(member(mounts[5], "destination")), "/dev/hermitage/tmp");
  EXPECT_EQ(string_of(member(mounts[6], "source")), "/bundle/rootfs");
  auto original = config();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(mounts[i], original["mounts"][i]);
  for (auto* const json : {&*made, &original}) {
    json->erase("annotations");
    json->erase("mounts");
    (*json)["process"].erase("args");
  }
  EXPECT_EQ(to_text(*made), to_text(original));
}

TEST(Container, IsKnownAgain) {
  const auto made = make_hermit_container(config(), kProgram, {.monitor = "/m", .root = "/r", .kvm = 5});
  ASSERT_TRUE(made);
  EXPECT_TRUE(is_hermit_container(*made, "/m"));
  EXPECT_FALSE(is_hermit_container(*made, "/other"));
  EXPECT_FALSE(is_hermit_container(config(), "/m"));
  EXPECT_EQ(kvm_descriptor_of(*made), 5);
  EXPECT_EQ(kvm_descriptor_of(config()), std::nullopt);
  auto forged = config();
  forged["process"]["args"] = (*made).at("process").at("args");
  forged["annotations"][kKernelAnnotation] = "/app";
  EXPECT_FALSE(is_hermit_container(forged, "/m")) << "the monitor is not mounted";
}

TEST(Container, MapsVolumes) {
  const hermitage::testing::TemporaryDirectory directory;
  const auto file = directory.write("file", "");
  auto from = config();
  from["root"]["readonly"] = true;
  from["mounts"].push_back(mount("/data/", directory.path().c_str(), {"rbind", "rw"}));
  from["mounts"].push_back(mount("/etc/../etc/hosts", file.c_str(), {"bind", "ro"}));
  from["mounts"].push_back({{"destination", "/tmp"}, {"type", "tmpfs"}, {"source", "tmpfs"}});
  from["mounts"].push_back(mount("/data", directory.path().c_str(), {"bind", "rro"}));
  from["mounts"].push_back(mount("/proc/cpuinfo", file.c_str()));
  EXPECT_EQ(values_of(arguments_of(from), "--file-mapping"),
            (Strings{"/dev/hermitage/root:/:ro", "/etc/hosts:/etc/hosts:ro", "/tmp:/tmp", "/data:/data:ro"}));
  const auto made = make_hermit_container(from, kProgram, kFacts);
  EXPECT_EQ(strings_of(member(made->at("mounts").back(), "options")),
            (Strings{"bind", "private", "nosuid", "nodev", "ro"}));
}

TEST(Container, LeavesOutTheInitProgram) {
  auto from = config();
  from["mounts"].push_back(mount("/run/podman-init", "/usr/bin/catatonit", {"bind", "ro"}));
  auto program = kProgram;
  program.init = "/run/podman-init";
  EXPECT_EQ(values_of(arguments_of(from, program), "--file-mapping"), Strings{"/dev/hermitage/root:/"});
}

TEST(Container, GivesAPackedImageItsOwnRoot) {
  auto program = kProgram;
  program.kind = HermitProgram::Kind::image;
  EXPECT_TRUE(values_of(arguments_of(config(), program), "--file-mapping").empty());
  EXPECT_EQ(make_hermit_container(config(), program, kFacts)->at("mounts").size(), 6U);
}

TEST(Container, ContinuesFromASnapshot) {
  auto facts = kFacts;
  facts.snapshot = "/app.snap";
  auto program = kProgram;
  program.arguments.clear();
  EXPECT_EQ(
      arguments_of(config(), program, facts),
      (Strings{"/dev/hermitage/monitor", "run", "--engine", "kvm", "--kvm-fd", "3", "--tempdir", "/dev/hermitage/tmp",
               "--control", "/dev/hermitage/tmp/control", "--file-mapping", "/dev/hermitage/root:/", "/app.snap"}));
  EXPECT_EQ(
      arguments_of(config(), kProgram, facts).front(),
      "annotation org.hermitage.snapshot: the guest has the arguments with which it was saved, and takes no others");
  auto from = config();
  EXPECT_EQ(snapshot_in(from).value(), "");
  from["annotations"] = {{"org.hermitage.snapshot", "/app.snap"}};
  EXPECT_EQ(snapshot_in(from).value(), "/app.snap");
  for (const auto& value : {Json("app.snap"), Json(""), Json(7)}) {
    from["annotations"]["org.hermitage.snapshot"] = value;
    EXPECT_TRUE(snapshot_in(from).error().ends_with("is not an absolute path")) << value;
  }
}

TEST(Container, RefusesWhatAGuestCannotHave) {
  const auto with_mount = [](const Json& added) {
    auto from = config();
    from["mounts"].push_back(added);
    return error_of(from);
  };
  EXPECT_EQ(with_mount(mount("/a:b", "/tmp")), "volume '/a:b': a guest has no volumes with ':' in their paths");
  EXPECT_EQ(with_mount(mount("/dev/data", "/tmp")), "volume '/dev/data': a guest has no volumes below /dev");
  EXPECT_EQ(with_mount(mount("/run/null", "/dev/null")),
            "volume '/run/null': a guest has no sockets, pipes and devices of the host");
  EXPECT_EQ(with_mount(mount("/", "/tmp")), "a volume cannot be mounted at /");
  EXPECT_TRUE(with_mount(mount("/dev/../dev", "/dev")).starts_with("the container has no /dev of its own"));
  auto from = config();
  from["annotations"] = {{"org.hermitage.memory", "1"}};
  EXPECT_EQ(error_of(from), "annotation org.hermitage.memory: it is not known");
  from["annotations"] = {{"org.hermitage.network", "none"}, {"org.hermitage.image.memory", "1"}, {"org.other", "x"}};
  EXPECT_EQ(error_of(from), "none");
  from["linux"]["devices"] = {{{"path", "/dev/kvm"}}, {{"path", "/dev/fuse"}}};
  EXPECT_EQ(error_of(from), "device '/dev/fuse': a guest has no devices of the host");
  from["linux"]["resources"]["devices"] = {{{"allow", true}, {"access", "rwm"}}};
  EXPECT_EQ(error_of(from), "none") << "a privileged container has all devices";
}

TEST(Container, RefusesWhatIsMalformed) {
  EXPECT_EQ(error_of(*parse_json("[]")), "config.json has no process");
  EXPECT_EQ(error_of(*parse_json(R"({"process":{}})")), "config.json has no list of mounts");
  EXPECT_EQ(error_of(*parse_json(R"({"process":{},"mounts":[],"annotations":7})")),
            "config.json: 'annotations' is not an object");
}

// ---- Memory and CPUs

auto with_resources(const char* resources) -> Json {
  auto from = config();
  from["linux"]["resources"] = *parse_json(resources);
  return from;
}

TEST(ContainerMemory, LeavesSomeToTheMonitor) {
  EXPECT_EQ(memory_of_guest(256 * kMiB), 250 * kMiB);
  EXPECT_EQ(memory_of_guest(21 * kMiB), 16 * kMiB);
  EXPECT_EQ(memory_of_guest(20 * kMiB), 0U);
  EXPECT_EQ(memory_of_guest(0), 0U);
  EXPECT_EQ(memory_of_guest(UINT64_MAX) % (2 * kMiB), 0U);
}

TEST(ContainerMemory, IsTheLimit) {
  const auto memory = [](const char* resources, image::Config requirements = {}) {
    auto facts = kFacts;
    facts.requirements = std::move(requirements);
    const auto arguments = arguments_of(with_resources(resources), kProgram, facts);
    return arguments.size() == 1 ? arguments : values_of(arguments, "--memory-size");
  };
  EXPECT_EQ(memory(R"({"memory":{"limit":268435456}})"), Strings{"250M"});
  EXPECT_EQ(memory(R"({"memory":{"limit":-1}})"), Strings{});
  EXPECT_EQ(memory(R"({"memory":{"limit":"268435456"}})"), Strings{});
  EXPECT_EQ(memory(R"({"memory":{"limit":1048576}})"),
            Strings{"memory limit of 1048576 bytes: a guest needs at least 21 MiB"});
  EXPECT_EQ(memory("{}", {.memory = 99 * kMiB}), Strings{"100M"});
  EXPECT_EQ(memory(R"({"memory":{"limit":268435456}})", {.memory = 99 * kMiB}), Strings{"250M"});
  EXPECT_EQ(memory(R"({"memory":{"limit":67108864}})", {.memory = 99 * kMiB}),
            Strings{"memory limit of 67108864 bytes: it leaves 58 MiB for the guest, which requires 99 MiB"});
}

TEST(ContainerCpus, AreTheQuotaOrTheSet) {
  const auto cpus = [](const char* cpu, std::uint32_t required = 0) {
    auto facts = kFacts;
    facts.requirements.cpus = required;
    const auto resources = std::string{R"({"cpu":)"} + cpu + "}";
    const auto arguments = arguments_of(with_resources(resources.c_str()), kProgram, facts);
    if (arguments.size() == 1) return arguments.front();
    const auto count = values_of(arguments, "--cpu-count");
    const auto affinity = values_of(arguments, "--affinity");
    return (count.empty() ? "-" : count.front()) + " " + (affinity.empty() ? "-" : affinity.front());
  };
  EXPECT_EQ(cpus("{}"), "- -");
  EXPECT_EQ(cpus(R"({"quota":-1,"period":100000})"), "- -");
  EXPECT_EQ(cpus(R"({"quota":150000,"period":100000})"), "2 -");
  EXPECT_EQ(cpus(R"({"quota":50000})"), "1 -");
  EXPECT_EQ(cpus(R"({"quota":9223372036854775807,"period":1})"), "4096 -");
  EXPECT_EQ(cpus(R"({"cpus":"0-2,5"})"), "4 0,1,2,5");
  EXPECT_EQ(cpus(R"({"cpus":"0-2,5","quota":400000})"), "4 0,1,2,5");
  EXPECT_EQ(cpus(R"({"cpus":"0-2,5","quota":200000})"), "2 -");
  EXPECT_EQ(cpus(R"({"cpus":"0-99999999"})"), "- -");
  EXPECT_EQ(cpus(R"({"cpus":"0-8192"})"), "- -");
  EXPECT_EQ(cpus(R"({"cpus":"5-0"})"), "- -");
  EXPECT_EQ(cpus(R"({"cpus":"1,1,0-1"})"), "2 0,1") << "each CPU counts once";
  std::string many = R"({"cpus":")";
  for (int i = 0; i < 5000; ++i) many += "0-8191,";
  EXPECT_TRUE(cpus((many + R"(7"})").c_str()).starts_with("8192 0,1,2,"));
  for (int i = 0; i < 5000; ++i) many += "0-8191,";
  EXPECT_EQ(cpus((many + R"(7"})").c_str()), "- -") << "more than 64 KiB";
  EXPECT_EQ(cpus("7", 3), "3 -");
  EXPECT_EQ(cpus(R"({"quota":100000})", 3), "CPU limit: it leaves 1 vCPUs for the guest, which requires 3");
}

}  // namespace
}  // namespace hermitage::oci
