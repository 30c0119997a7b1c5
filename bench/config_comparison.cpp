#include "bench/config_comparison.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/hermit_entry_peer.h"
#include "hermitage/image/image.hpp"
#include "testing/archives.hpp"

namespace hermitage::bench {
namespace {

// The category of a configuration. All except the first are intended differences, which docs/abi.md lists.
enum class Kind : std::uint8_t { same, sizes, variables, nul, toml };

struct Case {
  std::string_view toml;
  Kind kind = Kind::same;
};

// Each configuration is valid except for its tested property. "@" represents the common lines.
constexpr Case kCases[] = {
    // Valid configurations.
    {"@"},
    {"@[requirements]\n"},
    {"@[requirements]\ncpus = 0\n"},
    {"@[requirements]\ncpus = 4294967295\n"},
    {"@[requirements]\nmemory = \"64 MiB\"\n"},
    {"@[requirements]\nmemory = \"64MiB\"\ncpus = 3\n"},
    {"@[requirements]\nmemory = \"1 GiB\"\n"},
    {"@[requirements]\nmemory = \"2KiB\"\n"},
    {"@[requirements]\nmemory = \"67108864\"\n"},
    {"@[requirements]\nmemory = \"67108864 B\"\n"},
    {"@[requirements]\nmemory = \"0\"\n"},
    {"@env_vars = []\n"},
    {"@env_vars = [\"A=1\", \"B=\", \"C=x=y\"]\n"},
    {"@more = 1\n"},
    {"@[other]\nx = [1, {y = 2}]\n"},
    {"more = 1\n@"},
    {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = [\"a\", 'b', \"\"\"c\nd\"\"\", \"\\u00fc\"]\napp_args = "
     "[\n"
     "\"-x\", # comment\n\"y z\",\n]\n"},
    {"version = \"1\"\nkernel = \"k\"\ninput = {kernel_args = [\"a\"], app_args = []}\n"},
    {"version = \"1\"\nkernel = \"k\"\ninput.kernel_args = []\ninput.app_args = [\"b\"]\n"},
    {"[input]\nkernel_args = []\napp_args = []\n[requirements]\n[more]\n"},
    {"\"version\" = '1'\r\nkernel = 'k'\r\n[ input ]\r\nkernel_args = []\r\napp_args = []\r\n"},

    // Invalid configurations.
    {""},
    {"version"},
    {"version = \"1\"\n"},
    {"kernel = \"k\"\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = \"1\"\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = \"1\"\nkernel = \"k\"\n"},
    {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = []\n"},
    {"version = \"1\"\nkernel = \"k\"\n[input]\napp_args = []\n"},
    {"version = \"2\"\nkernel = \"k\"\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = 1\nkernel = \"k\"\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = \"1\"\nkernel = 7\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = \"1\"\nkernel = \"\"\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = \"1\"\nkernel = \"other\"\n[input]\nkernel_args = []\napp_args = []\n"},
    {"version = \"1\"\nkernel = \"k\"\ninput = []\n"},
    {"version = \"1\"\nkernel = \"k\"\ninput = \"k\"\n"},
    {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = \"a\"\napp_args = []\n"},
    {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = [1]\napp_args = []\n"},
    {"version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = []\napp_args = [[]]\n"},
    {"@env_vars = \"A=1\"\n"},
    {"@env_vars = [true]\n"},
    {"@[requirements]\nmemory = 67108864\n"},
    {"@[requirements]\nmemory = \"much\"\n"},
    {"@[requirements]\nmemory = \"\"\n"},
    {"@[requirements]\nmemory = \"-1\"\n"},
    {"@[requirements]\nmemory = \"MiB\"\n"},
    {"@[requirements]\nmemory = []\n"},
    {"@[requirements]\nmemory = \"64 MiX\"\n"},
    {"@[requirements]\nmemory = \"99999999999999999999 TiB\"\n"},
    {"@[requirements]\ncpus = \"2\"\n"},
    {"@[requirements]\ncpus = -1\n"},
    {"@[requirements]\ncpus = 4294967296\n"},
    {"@[requirements]\ncpus = 1.5\n"},
    {"@requirements = 1\n[requirements]\ncpus = []\n"},
    {"@[[requirements]]\nmemory = 1\n"},
    {"@[input]\n"},
    {"@app_args = []\n"},
    {"@[requirements\n"},
    {"@x = \"\n"},
    {"@x = \xff\n"},
    {"@x = \"\xff\"\n"},
    {"@x =\n"},
    {"@= 1\n"},

    // Intended differences.
    {"@[requirements]\nmemory = \"64 MB\"\n", Kind::sizes},
    {"@[requirements]\nmemory = \"64M\"\n", Kind::sizes},
    {"@[requirements]\nmemory = \"64mib\"\n", Kind::sizes},
    {"@[requirements]\nmemory = \"1.5 GiB\"\n", Kind::sizes},
    {"@[requirements]\nmemory = \" 64 MiB \"\n", Kind::sizes},
    {"@[requirements]\nmemory = \"0x4000000\"\n", Kind::sizes},
    {"@env_vars = [\"host\"]\n", Kind::variables},
    {"@env_vars = [\"=x\"]\n", Kind::variables},
    {"@env_vars = [\"A=\\u0000\"]\n", Kind::nul},
    {"@x = {\n y = 1 }\n", Kind::toml},
};

auto name_of(Kind kind) -> std::string_view {
  switch (kind) {
    case Kind::same: return "the same";
    case Kind::sizes:
      return "it reads 64 MB as 64,000,000 and 64mib as bits, and has fractions, but no hexadecimal numbers";
    case Kind::variables: return "it leaves variables of another form than KEY=value to the monitor";
    case Kind::nul: return "it lets a NUL pass";
    case Kind::toml: return "it reads TOML 1.1";
  }
  return {};
}

auto whole(std::string_view toml) -> std::string {
  constexpr std::string_view kCommon =
      "version = \"1\"\nkernel = \"k\"\n[input]\nkernel_args = [\"a\"]\napp_args = []\n";
  std::string text{toml};
  if (const auto at = text.find('@'); at != std::string::npos) text.replace(at, 1, kCommon);
  return text;
}

// The content of an image in the format of hermit_entry_peer_image. Nothing if it is refused.
auto describe_here(const std::vector<std::byte>& archive) -> std::optional<std::string> {
  const auto image = image::Image::open(testing::gzip(archive));
  if (!image) return std::nullopt;
  const auto& config = image->config();
  auto text = fmt::format("kernel {}\n", config.kernel);
  for (const auto& value : config.kernel_args) text += fmt::format("kernel_arg {}\n", value);
  for (const auto& value : config.app_args) text += fmt::format("app_arg {}\n", value);
  for (const auto& value : config.env_vars) text += fmt::format("env_var {}\n", value);
  if (config.memory) text += fmt::format("memory {}\n", *config.memory);
  return text + fmt::format("cpus {}\nsize {}\n", config.cpus, image->kernel().size());
}

auto describe_there(const std::vector<std::byte>& archive) -> std::optional<std::string> {
  std::string text(65536, '\0');
  std::size_t size = 0;
  const auto status = ::hermit_entry_peer_image(archive.data(), archive.size(), text.data(), text.size(), &size);
  if (status != HERMIT_ENTRY_PEER_OK) return std::nullopt;
  text.resize(size);
  return text;
}

}  // namespace

auto compare_configs() -> int {
  unsigned agreeing = 0;
  unsigned on_purpose = 0;
  unsigned disagreeing = 0;
  for (const auto& [toml, kind] : kCases) {
    const auto text = whole(toml);
    const auto archive = testing::tar(std::vector<testing::TarEntry>{{.name = "hermit.toml", .contents = text},
                                                                     {.name = "k", .contents = "the kernel"}});
    const auto here = describe_here(archive);
    const auto there = describe_there(archive);
    if ((here == there) == (kind == Kind::same)) {
      ++(kind == Kind::same ? agreeing : on_purpose);
      continue;
    }
    ++disagreeing;
    fmt::print("configuration, expected to be: {}\n{}\nhere: {}\nhermit-entry: {}\n", name_of(kind), text,
               here.value_or("refused"), there.value_or("refused"));
  }
  fmt::print("conformance: {} configurations agree, {} differ on purpose, {} disagree\n", agreeing, on_purpose,
             disagreeing);
  return disagreeing == 0 ? 0 : 1;
}

}  // namespace hermitage::bench
