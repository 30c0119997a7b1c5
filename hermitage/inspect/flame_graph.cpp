#include "hermitage/inspect/flame_graph.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

constexpr double kWidth = 1200;
constexpr double kMargin = 12;
constexpr double kTop = 64;
constexpr double kBottom = 30;
constexpr double kRow = 17;
constexpr double kCharacter = 6.7;  // width of a character
constexpr double kNarrowest = 0.3;
constexpr std::size_t kLongestName = 300;  // characters
constexpr std::size_t kColours = 6;

constexpr std::string_view kStyle =
    ".ink{fill:#1f2933}.faint{fill:#52606d}.paper{fill:#ffffff;stroke:#d5dbe1}.button{cursor:pointer;fill:#2563a8}"
    ".f{cursor:pointer}.f rect{stroke:#ffffff;stroke-width:.5}.f.hit rect{fill:#d946ef}.f.faded{opacity:.55}"
    ".c0 rect{fill:#f2c18d}.c1 rect{fill:#f0a8a0}.c2 rect{fill:#e6d98a}.c3 rect{fill:#eebf6b}.c4 rect{fill:#f3b6a0}"
    ".c5 rect{fill:#e8cf9c}.idle rect{fill:#9cc7e6}"
    "@media (prefers-color-scheme: dark){.ink{fill:#f5f7fa}.faint{fill:#cbd2d9}.paper{fill:#1f2933;stroke:#3e4c59}"
    ".button{fill:#9cc7e6}.f rect{stroke:#1f2933}.c0 rect{fill:#80501a}.c1 rect{fill:#853a33}.c2 rect{fill:#6b6018}"
    ".c3 rect{fill:#7a5310}.c4 rect{fill:#7d4632}.c5 rect{fill:#6a5830}.idle rect{fill:#1f5780}"
    ".f.hit rect{fill:#a21caf}}";

// Each group has its share of the samples as data-x and data-w, and its row as data-d.
constexpr std::string_view kScript = R"js((function () {
const margin = 12, inner = 1176, character = 6.7;
const groups = [...document.querySelectorAll('.f')].map(g => ({
  g, x: +g.dataset.x, w: +g.dataset.w, d: +g.dataset.d, name: g.dataset.n,
  rect: g.querySelector('rect'), text: g.querySelector('text') }));
const found = document.getElementById('found'), reset = document.getElementById('reset');
function zoom(to) {
  for (const f of groups) {
    const left = Math.max(f.x, to.x), right = Math.min(f.x + f.w, to.x + to.w);
    const width = (right - left) / to.w * inner;
    f.g.style.display = width > 0.3 ? '' : 'none';
    f.g.classList.toggle('faded', f.d < to.d);
    if (width <= 0.3) continue;
    const x = margin + (left - to.x) / to.w * inner, room = Math.floor((width - 6) / character);
    f.rect.setAttribute('x', x);
    f.rect.setAttribute('width', width);
    f.text.setAttribute('x', x + 3);
    f.text.textContent = room < 3 ? '' : f.name.length <= room ? f.name : f.name.slice(0, room - 1) + '\u2026';
  }
  reset.style.display = to.d > 0 ? '' : 'none';
}
function search(what) {
  let share = 0, end = 0;
  const hits = groups.filter(f => {
    const hit = what !== '' && f.name.toLowerCase().includes(what.toLowerCase());
    f.g.classList.toggle('hit', hit);
    return hit;
  }).sort((a, b) => a.x - b.x || a.d - b.d);
  for (const f of hits) {
    if (f.x + 1e-9 < end) continue;
    share += f.w;
    end = f.x + f.w;
  }
  found.textContent = what === '' ? '' : '\u201c' + what + '\u201d: ' + (100 * share).toFixed(1) + ' %';
}
const all = { x: 0, w: 1, d: 0 };
for (const f of groups) f.g.addEventListener('click', () => zoom(f));
reset.addEventListener('click', () => zoom(all));
document.getElementById('search').addEventListener('click', () => search(prompt('Name, or a part of it:') || ''));
document.addEventListener('keydown', e => { if (e.key === 'Escape') { zoom(all); search(''); } });
})();)js";

struct Node {
  std::uint64_t samples = 0;
  std::map<std::string_view, Node> callees = {};
};

auto tree_of(std::span<const NamedStack> stacks) -> Node {
  Node root;
  for (const auto& stack : stacks) {
    root.samples += stack.samples;
    auto* node = &root;
    for (const auto frame : stack.frames) {
      node = &node->callees[frame];
      node->samples += stack.samples;
    }
  }
  return root;
}

// Functions of one crate or namespace have one colour.
auto colour_of(std::string_view name) -> std::string {
  if (name.starts_with('[')) return "idle";
  const auto group = name.substr(name.starts_with('<') ? 1 : 0);
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char character : group.substr(0, group.find("::"))) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 16777619U;
  }
  return fmt::format("c{}", hash % kColours);
}

class Picture {
 public:
  Picture(const Node& root, const ProfileTitle& title, const Sink& sink) : root_{root}, title_{title}, sink_{sink} {}

  void draw() {
    depth_ = depth_of(root_);
    const auto height = kTop + kBottom + static_cast<double>(depth_ + 1) * kRow;
    print(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:g}" height="{1:g}" viewBox="0 0 {0:g} {1:g}" )"
          R"(font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="11" class="ink">)"
          "\n<style>{2}</style>\n"
          R"(<rect x="0.5" y="0.5" width="{3:g}" height="{4:g}" rx="8" class="paper"/>)"
          "\n",
          kWidth, height, kStyle, kWidth - 1, height - 1);
    print(R"(<text x="{0:g}" y="28" font-size="17" font-weight="bold" class="ink">{1}</text>)"
          "\n"
          R"(<text x="{0:g}" y="50" font-size="12" class="faint">{2} samples at {3} Hz</text>)"
          "\n",
          kMargin, escape_xml(cut_printable(title_.name, 90)), grouped(root_.samples), title_.rate);
    print(R"(<text id="reset" x="900" y="28" class="button" style="display:none">zoom out</text>)"
          R"(<text id="search" x="1140" y="28" class="button">search</text>)"
          R"(<text id="found" x="1188" y="50" text-anchor="end" class="ink"></text>)"
          "\n");
    if (root_.samples != 0) draw_frame("all", root_, 0, 0);
    print("<script><![CDATA[{}]]></script>\n</svg>\n", kScript);
  }

 private:
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    sink_(fmt::format(format, std::forward<Args>(args)...));
  }

  [[nodiscard]] auto share_of(std::uint64_t samples) const -> double {
    return static_cast<double>(samples) / static_cast<double>(root_.samples);
  }
  [[nodiscard]] auto is_drawn(const Node& node) const -> bool {
    return share_of(node.samples) * (kWidth - 2 * kMargin) >= kNarrowest;
  }
  // The number of rows above this node.
  [[nodiscard]] auto depth_of(const Node& node) const -> std::size_t {
    std::size_t depth = 0;
    for (const auto& [name, callee] : node.callees) {
      if (is_drawn(callee)) depth = std::max(depth, 1 + depth_of(callee));
    }
    return depth;
  }

  // `before` is the number of samples to the left.
  void draw_frame(std::string_view name, const Node& node, std::uint64_t before, std::size_t row) {
    constexpr double kInner = kWidth - 2 * kMargin;
    const auto x = share_of(before);
    const auto width = share_of(node.samples);
    const auto left = kMargin + x * kInner;
    const auto y = kTop + static_cast<double>(depth_ - row) * kRow;
    const auto whole = cut_printable(name, kLongestName);
    const auto room = width * kInner < 6 ? 0 : static_cast<std::size_t>((width * kInner - 6) / kCharacter);
    print(R"(<g class="f {}" data-x="{:.7f}" data-w="{:.7f}" data-d="{}" data-n="{}">)"
          "<title>{}: {} samples, {:.1f} %</title>"
          R"(<rect x="{:.2f}" y="{:.1f}" width="{:.2f}" height="16"/>)"
          R"(<text x="{:.2f}" y="{:.1f}">{}</text></g>)"
          "\n",
          colour_of(name), x, width, row, escape_xml(whole), escape_xml(whole), grouped(node.samples), 100 * width,
          left, y, width * kInner, left + 3, y + 12, room < 3 ? std::string{} : escape_xml(cut_printable(name, room)));
    for (const auto& [callee_name, callee] : node.callees) {
      if (is_drawn(callee)) draw_frame(callee_name, callee, before, row + 1);
      before += callee.samples;
    }
  }

  const Node& root_;
  const ProfileTitle& title_;
  const Sink& sink_;
  std::size_t depth_ = 0;
};

}  // namespace

void print_flame_graph(std::span<const NamedStack> stacks, const ProfileTitle& title, const Sink& sink) {
  Picture{tree_of(stacks), title, sink}.draw();
}

}  // namespace hermitage::inspect
