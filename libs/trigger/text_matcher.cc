#include "libs/trigger/text_matcher.h"

#include <deque>

namespace daemoneye::trigger {
namespace {

unsigned char Fold(char c) { return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + 32 : c); }

}  // namespace

void TextMatcher::Add(std::string_view literal, uint32_t id) {
  if (literal.size() > kMaxLiteralBytes) literal.remove_prefix(literal.size() - kMaxLiteralBytes);
  Literal entry{.letters = {}, .id = id};
  for (const char c : literal) {
    uint8_t& letter = classes_[Fold(c)];
    // Beyond 255 letters there are none: 256 bytes less the folded capitals.
    if (letter == 0) letter = static_cast<uint8_t>(class_count_++);
    entry.letters.push_back(letter);
  }
  literals_.push_back(std::move(entry));
}

uint32_t TextMatcher::Insert(const std::vector<uint8_t>& letters) {
  uint32_t state = 0;
  for (const uint8_t letter : letters) {
    uint32_t to = next_[state * class_count_ + letter];
    if (to == 0) {
      to = static_cast<uint32_t>(ids_.size());
      next_[state * class_count_ + letter] = to;
      next_.resize(next_.size() + class_count_);
      ids_.emplace_back();
    }
    state = to;
  }
  return state;
}

void TextMatcher::Build() {
  for (char c = 'A'; c <= 'Z'; ++c) classes_[static_cast<unsigned char>(c)] = classes_[Fold(c)];
  next_.assign(class_count_, 0);
  ids_.assign(1, {});
  for (const Literal& literal : literals_) ids_[Insert(literal.letters)].push_back(literal.id);
  first_output_.assign(ids_.size(), 0);
  next_output_.assign(ids_.size(), 0);
  // Breadth first: where a state has no way on, its longest suffix that is a state has.
  std::vector<uint32_t> suffix(ids_.size(), 0);
  std::deque<uint32_t> todo;
  for (uint32_t letter = 0; letter < class_count_; ++letter) {
    if (next_[letter] != 0) todo.push_back(next_[letter]);
  }
  while (!todo.empty()) {
    const uint32_t state = todo.front();
    todo.pop_front();
    const uint32_t shorter = suffix[state];
    first_output_[state] = ids_[state].empty() ? first_output_[shorter] : state;
    next_output_[state] = first_output_[shorter];
    for (uint32_t letter = 0; letter < class_count_; ++letter) {
      uint32_t& to = next_[state * class_count_ + letter];
      const uint32_t fallback = next_[shorter * class_count_ + letter];
      if (to == 0) {
        to = fallback;
      } else {
        suffix[to] = fallback;
        todo.push_back(to);
      }
    }
  }
}

}  // namespace daemoneye::trigger
