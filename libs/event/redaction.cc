#include "libs/event/redaction.h"

#include <algorithm>
#include <array>

namespace daemoneye::event {
namespace {

using std::string_view;

constexpr size_t kNone = string_view::npos;

// A half-open range of an argument.
struct Range {
  size_t begin;
  size_t end;
};

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool IsNameChar(char c) {
  const char lower = Lower(c);
  return (lower >= 'a' && lower <= 'z') || IsDigit(c) || c == '_' || c == '-' || c == '.';
}

// Lower case, without separators and trailing digits.
std::string Compact(string_view name) {
  std::string compact;
  for (const char c : name) {
    if (c != '_' && c != '-' && c != '.') compact += Lower(c);
  }
  while (!compact.empty() && IsDigit(compact.back())) compact.pop_back();
  return compact;
}

// What stands behind the last separator of `name`.
string_view LastSegment(string_view name) {
  const size_t separator = name.find_last_of("_-.");
  return separator == kNone ? name : name.substr(separator + 1);
}

bool EqualsIgnoringCase(string_view a, string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return Lower(x) == y; });
}

// As IsSecretName, and a last word "key": which of an option may be a column, of a variable is not.
bool IsSecretVariable(string_view name) {
  return IsSecretName(name) ||
         (EqualsIgnoringCase(LastSegment(name), "key") && Compact(name).find("public") == kNone);
}

// Finds the secrets of one argument, in order.
class Finder {
 public:
  Finder(string_view argument, std::vector<Range>& found) : text_(argument), found_(found) {}

  // True when the argument ends in an option whose value is the next argument.
  bool Find() {
    while (NextWord()) {
      if (FindOption()) return true;
    }
    FindUrls();
    return false;
  }

 private:
  // Moves to the next word: word_ is its begin, without quotes and what opens a command.
  bool NextWord() {
    while (next_ < text_.size() && (IsBlank(text_[next_]) || OpensWord(text_[next_]))) ++next_;
    word_ = next_;
    while (next_ < text_.size() && !IsBlank(text_[next_])) ++next_;
    return word_ < text_.size();
  }
  static bool OpensWord(char c) {
    return IsQuote(c) || c == '(' || c == '{' || c == '[' || c == ',' || c == ';' || c == '|' ||
           c == '&' || c == '$';
  }

  // Looks at the word as NAME=VALUE, --NAME=VALUE, --NAME VALUE or NAME: VALUE. True when VALUE is
  // the next argument.
  bool FindOption() {
    size_t begin = word_;
    while (true) {
      size_t name = begin;
      while (name < next_ && name - begin < 2 && text_[name] == '-') ++name;
      const bool is_option = name != begin;
      size_t end = name;
      while (end < next_ && IsNameChar(text_[end])) ++end;
      const string_view text = text_.substr(name, end - name);
      if (end < next_ && text_[end] == '=') {
        if (is_option ? IsSecretName(text) : IsSecretVariable(text)) return AddValue(end + 1);
        begin = end + 1;  // --set=db.password=VALUE
        while (begin < next_ && IsQuote(text_[begin])) ++begin;
        continue;
      }
      if (end == next_ && is_option && IsSecretName(text)) return AddNextWord();
      FindHeader(text, end);
      return false;
    }
  }

  bool AddValue(size_t begin) { return AddValue(begin, ValueEnd(begin)); }
  bool AddValue(size_t begin, size_t end) {
    found_.push_back({begin, end});
    next_ = std::max(next_, end);
    return false;
  }

  bool AddNextWord() {
    size_t begin = next_;
    while (begin < text_.size() && IsBlank(text_[begin])) ++begin;
    if (begin == text_.size()) return true;
    return AddValue(begin);
  }

  // The argument's first word has all the rest as its value, blanks too; a later one ends as a
  // shell's word does.
  size_t ValueEnd(size_t begin) const { return word_ == 0 ? text_.size() : WordEnd(begin); }

  // End of the shell's word at `begin`, in which quotes hold blanks. A quote that a blank follows
  // is the end of what the word stands in; one that nothing closes holds all the rest.
  size_t WordEnd(size_t begin) const {
    size_t end = begin;
    while (end < text_.size() && !IsBlank(text_[end])) {
      if (!IsQuote(text_[end])) {
        ++end;
        continue;
      }
      const bool is_last = end + 1 == text_.size() || IsBlank(text_[end + 1]);
      if (is_last && end != begin) return end;
      const size_t close = text_.find(text_[end], end + 1);
      if (close == kNone) return text_.size();
      end = close + 1;
    }
    return end;
  }

  // NAME: VALUE and "NAME":VALUE, where a colon alone could be an image's tag.
  void FindHeader(string_view name, size_t end) {
    const bool is_quoted = end < text_.size() && IsQuote(text_[end]);
    const size_t colon = is_quoted ? end + 1 : end;
    if (colon >= text_.size() || text_[colon] != ':') return;
    const bool is_header =
        is_quoted || colon + 1 == text_.size() || IsBlank(text_[colon + 1]) ||
        (word_ == 0 && name.size() >= 2 && Lower(name[0]) == 'x' && name[1] == '-');
    if (!is_header || !(IsSecretName(name) || EqualsIgnoringCase(name, "authorization"))) return;
    size_t begin = colon + 1;
    while (begin < text_.size() && IsBlank(text_[begin])) ++begin;
    if (begin == text_.size()) return;
    const size_t quote = text_.find_first_of("\"'`", begin + 1);
    AddValue(begin, is_quoted ? WordEnd(begin) : std::min(quote, text_.size()));
  }

  void FindUrls() {
    for (size_t at = text_.find("://"); at != kNone; at = text_.find("://", at + 3)) {
      size_t end = at + 3;
      while (end < text_.size() && !IsBlank(text_[end]) && !IsQuote(text_[end])) ++end;
      FindUserinfo(at, end);
      FindParameters(at, end);
    }
  }

  void FindUserinfo(size_t scheme_end, size_t end) {
    const size_t begin = scheme_end + 3;
    const string_view rest = text_.substr(begin, end - begin);
    const size_t slash = rest.find_first_of("/?#");
    const string_view authority = rest.substr(0, slash);
    const size_t colon = authority.find(':');
    size_t at = authority.rfind('@');
    if (at == kNone && colon != kNone && !IsPort(authority.substr(colon + 1))) {
      at = rest.rfind('@');  // a password that holds a slash
    }
    if (at == kNone) return;
    if (colon != kNone && colon < at) return Add({begin + colon + 1, begin + at});
    size_t scheme = scheme_end;
    while (scheme > 0 && (IsNameChar(text_[scheme - 1]) || text_[scheme - 1] == '+')) --scheme;
    const string_view name = text_.substr(scheme, scheme_end - scheme);
    if (name.ends_with("http") || name.ends_with("https")) Add({begin, begin + at});
  }
  static bool IsPort(string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

  void FindParameters(size_t begin, size_t end) {
    for (size_t at = text_.find_first_of("?&", begin); at < end;
         at = text_.find_first_of("?&", at + 1)) {
      const size_t equals = text_.find('=', at);
      if (equals >= end) return;
      const string_view name = text_.substr(at + 1, equals - at - 1);
      if (!IsSecretVariable(name)) continue;
      Add({equals + 1, std::min(end, text_.find_first_of("&#", equals))});
    }
  }

  void Add(Range range) {
    if (range.begin < range.end) found_.push_back(range);
  }

  const string_view text_;
  std::vector<Range>& found_;
  size_t word_ = 0;
  size_t next_ = 0;
};

// What the words and the URLs of an argument gave, sorted, overlaps merged.
void Merge(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  size_t kept = 0;
  for (const Range& range : ranges) {
    if (range.begin == range.end) continue;
    if (kept != 0 && range.begin <= ranges[kept - 1].end) {
      ranges[kept - 1].end = std::max(ranges[kept - 1].end, range.end);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

std::string Replaced(string_view text, const std::vector<Range>& ranges) {
  std::string out;
  size_t at = 0;
  for (const Range& range : ranges) {
    out.append(text.substr(at, range.begin - at)).append(kRedacted);
    at = range.end;
  }
  return out.append(text.substr(at));
}

// Most arguments: no option, no assignment, no URL, no header.
bool MayHoldSecret(string_view argument) {
  return argument.starts_with('-') || argument.find_first_of("=:") != kNone ||
         argument.find(" -") != kNone;
}

}  // namespace

bool IsSecretName(string_view name) {
  constexpr std::array<string_view, 14> kEndings = {
      "password",   "passwd",        "passphrase", "passcode",   "secret",
      "token",      "apikey",        "accesskey",  "secretkey",  "privatekey",
      "credential", "encryptionkey", "authkey",    "credentials"};
  if (name.size() > 3 && EqualsIgnoringCase(name.substr(0, 3), "no-")) return false;
  const std::string compact = Compact(name);
  const bool has_ending = std::any_of(kEndings.begin(), kEndings.end(),
                                      [&](string_view e) { return compact.ends_with(e); });
  const string_view last = LastSegment(name);
  return has_ending || EqualsIgnoringCase(last, "pass") || EqualsIgnoringCase(last, "pwd");
}

size_t Redactor::Redact(std::vector<string_view>& arguments) {
  copies_.clear();
  size_t count = 0;
  bool is_value = false;
  std::vector<Range> ranges;
  for (string_view& argument : arguments) {
    if (!is_value && !MayHoldSecret(argument)) continue;
    ranges.clear();
    const bool next_is_value = Finder(argument, ranges).Find();
    // Behind an option that takes a secret all of the argument is one, unless it is such an option
    // itself.
    if (is_value && !next_is_value) ranges.assign(1, {0, argument.size()});
    is_value = next_is_value;
    Merge(ranges);
    if (ranges.empty()) continue;
    count += ranges.size();
    argument = copies_.emplace_back(Replaced(argument, ranges));
  }
  return count;
}

}  // namespace daemoneye::event
