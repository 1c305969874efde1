// Text from outside: made valid UTF-8 without loss, and made safe to print.
#pragma once

#include <string>
#include <string_view>

namespace daemoneye::base {

// True when all of `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

// `bytes` with each byte that is not part of well-formed UTF-8 as \xHH and each backslash doubled.
// Lossless: see UnescapeBytes. Only for bytes that are not UTF-8 already.
std::string EscapeBytes(std::string_view bytes);

// The inverse of EscapeBytes.
std::string UnescapeBytes(std::string_view text);

// The longest prefix of `text` of at most `max_bytes` that does not cut a UTF-8 sequence in two.
std::string_view Utf8Prefix(std::string_view text, size_t max_bytes);

// `text` with control characters (C0, DEL, C1), line and paragraph separators, and bidirectional
// controls written as
// \n, \t, \r, \xHH or \u{HHHH}: what a terminal or a text log may show of a text from outside.
std::string EscapeForTerminal(std::string_view text);

}  // namespace daemoneye::base
