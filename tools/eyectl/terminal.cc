#include "tools/eyectl/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace daemoneye::eyectl {

Style Style::For(int fd) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nothing here writes the environment.
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  // NOLINTEND(concurrency-mt-unsafe)
  const bool wanted = no_colour == nullptr || *no_colour == '\0';
  const bool able = terminal != nullptr && std::string_view(terminal) != "dumb";
  return Style(wanted && able && ::isatty(fd) == 1);
}

std::string Style::Paint(Tone tone, std::string_view text) const {
  if (!colour_ || tone == Tone::kPlain) return std::string(text);
  std::string_view code;
  switch (tone) {
    case Tone::kPlain:
      break;
    case Tone::kDim:
      code = "2";
      break;
    case Tone::kGood:
      code = "32";
      break;
    case Tone::kChange:
      code = "36";
      break;
    case Tone::kWarning:
      code = "33";
      break;
    case Tone::kAlarm:
      code = "1;31";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

absl::Status Output::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) return absl::CancelledError("the reader is gone");
      return absl::UnavailableError(
          fmt::format("cannot write the output: {}", std::generic_category().message(errno)));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

bool Output::IsTerminal() const { return ::isatty(fd_) == 1; }

int Output::Columns() const {
  winsize size{};
  if (!IsTerminal() || ::ioctl(fd_, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace daemoneye::eyectl
