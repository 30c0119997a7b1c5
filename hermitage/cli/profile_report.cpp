#include "hermitage/cli/profile_report.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ranges>
#include <span>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/inspect/demangle.hpp"
#include "hermitage/inspect/flame_graph.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::cli {
namespace {

using vmm::observe::Frame;

// The functions of a loaded kernel. Each name is made once, and kept in `names`.
class Functions {
 public:
  Functions(const launch::KernelPlace& kernel, std::deque<std::string>& names) : kernel_{kernel}, names_{names} {
    const auto parsed = entry::KernelObject::parse(kernel.elf);
    if (!parsed) return;
    const auto offset = parsed->is_relocatable() ? kernel.start : 0;
    const auto symbols = parsed->file().symbols();
    for (const auto symbol : symbols.symbols()) {
      const auto type = symbol.info & kTypeMask;
      if (symbol.size == 0 || (type != kFunction && type != kNoType)) continue;
      const auto start = symbol.value + offset;
      functions_.push_back({.start = start, .end = start + symbol.size, .name = symbols.name(symbol)});
    }
    std::ranges::stable_sort(functions_, {}, &Function::start);
  }

  // The start of the function that contains this address; nothing if there is no symbol.
  [[nodiscard]] auto function_at(std::uint64_t address) const -> std::optional<std::uint64_t> {
    const auto* const function = find(address);
    return function == nullptr ? std::nullopt : std::optional{function->start};
  }

  [[nodiscard]] auto name_at(std::uint64_t address) -> std::string_view {
    const auto* const function = find(address);
    const auto [entry, is_new] = known_.try_emplace(function == nullptr ? address : function->start);
    if (is_new) entry->second = names_.emplace_back(inspect::cut_printable(make_name(function, address), kLongestName));
    return entry->second;
  }

 private:
  static constexpr std::size_t kLongestName = 512;  // characters
  static constexpr unsigned kTypeMask = 0xf;
  static constexpr unsigned kNoType = 0;    // STT_NOTYPE
  static constexpr unsigned kFunction = 2;  // STT_FUNC

  struct Function {
    std::uint64_t start;
    std::uint64_t end;
    std::string_view name;
  };

  // Functions can overlap; the nearest ones before the address are looked at.
  [[nodiscard]] auto find(std::uint64_t address) const -> const Function* {
    constexpr int kNearest = 8;
    auto after = std::ranges::upper_bound(functions_, address, {}, &Function::start);
    for (int i = 0; i < kNearest && after != functions_.begin(); ++i) {
      --after;
      if (address < after->end) return &*after;
    }
    return nullptr;
  }

  [[nodiscard]] auto make_name(const Function* function, std::uint64_t address) const -> std::string {
    if (function != nullptr) return inspect::demangle(function->name);
    if (address >= kernel_.start && address < kernel_.end) return fmt::format("{:#x}", address - kernel_.start);
    return "[outside of the kernel]";
  }

  launch::KernelPlace kernel_;
  std::deque<std::string>& names_;
  std::vector<Function> functions_;
  std::unordered_map<std::uint64_t, std::string_view> known_;  // by the start of a function, or an address without one
};

// Selects the callers among the frames of a stack.
class Callers {
 public:
  Callers(std::span<const Frame> stack, const Functions& functions) : stack_{stack}, functions_{functions} {}

  // The addresses in the functions of the stack, the innermost first.
  [[nodiscard]] auto addresses() const -> std::vector<std::uint64_t> {
    std::vector<std::uint64_t> addresses{stack_.front().address};
    for (auto at = next_after(0, addresses.back()); at < stack_.size(); at = next_after(at, addresses.back())) {
      // A return address can be behind the function that makes the call.
      addresses.push_back(stack_[at].address - 1);
    }
    return addresses;
  }

 private:
  // The frame that called the function at this address: the next one by frame pointers, or a candidate before it that
  // calls this function. Without either, a candidate with an indirect call. A function can also reach the innermost one
  // by a jump: then the next candidate counts. Returns stack_.size() if no frame is the caller.
  [[nodiscard]] auto next_after(std::size_t at, std::uint64_t address) const -> std::size_t {
    const auto rest = stack_.subspan(at + 1);
    const auto function = functions_.function_at(address);
    const auto calls = [&](const Frame& frame) {
      return frame.callee != 0 && functions_.function_at(frame.callee) == function;
    };
    const auto number_of = [&](auto frame) { return at + 1 + static_cast<std::size_t>(frame - rest.begin()); };
    const auto certain = std::ranges::find(rest, true, &Frame::is_certain);
    if (certain != rest.end() && calls(*certain)) return number_of(certain);
    const auto caller = std::find_if(rest.begin(), certain, calls);
    if (caller != certain || certain != rest.end()) return number_of(caller);
    const auto indirect = std::ranges::find(rest, std::uint64_t{0}, &Frame::callee);
    return at == 0 && indirect == rest.end() ? 1 : number_of(indirect);
  }

  std::span<const Frame> stack_;
  const Functions& functions_;
};

}  // namespace

auto named_stacks(const vmm::observe::Profile& profile, const launch::KernelPlace& kernel) -> NamedProfile {
  NamedProfile result;
  Functions functions{kernel, result.names};
  std::unordered_map<const char*, std::string_view> activities;
  std::map<std::vector<std::string_view>, std::uint64_t> merged;
  for (std::size_t number = 0; number < profile.vcpus().size(); ++number) {
    const std::string_view root = result.names.emplace_back(fmt::format("[vCPU {}]", number));
    profile.vcpus()[number]->for_each([&](std::span<const Frame> stack, const char* activity, std::uint64_t samples) {
      std::vector<std::string_view> names;
      if (profile.vcpus().size() > 1) names.push_back(root);
      const auto addresses = Callers{stack, functions}.addresses();
      for (const auto address : addresses | std::views::reverse) names.push_back(functions.name_at(address));
      if (activity != nullptr) {
        auto& name = activities[activity];
        if (name.empty()) name = result.names.emplace_back(fmt::format("[{}]", activity));
        names.push_back(name);
      }
      merged[std::move(names)] += samples;
    });
  }
  result.stacks.reserve(merged.size());
  for (const auto& [frames, samples] : merged) result.stacks.push_back({.frames = frames, .samples = samples});
  return result;
}

auto profile_file(const std::vector<inspect::NamedStack>& stacks, const inspect::ProfileTitle& title,
                  std::string_view path) -> std::string {
  return inspect::collected([&](const inspect::Sink& sink) {
    if (path.ends_with(".folded")) {
      inspect::print_folded(stacks, sink);
    } else if (path.ends_with(".json")) {
      inspect::print_speedscope(stacks, title, sink);
    } else {
      inspect::print_flame_graph(stacks, title, sink);
    }
  });
}

auto lost_samples_text(const vmm::observe::Profile& profile) -> std::string {
  std::uint64_t lost = 0;
  std::uint64_t all = 0;
  for (const auto& vcpu : profile.vcpus()) {
    lost += vcpu->lost();
    all += vcpu->samples();
  }
  return lost == 0 ? std::string{}
                   : fmt::format("the profile lacks {} of {} samples: there were too many stacks", lost, all);
}

}  // namespace hermitage::cli
