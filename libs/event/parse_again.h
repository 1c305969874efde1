// ParseAgain and CopyAgain: fill an event that was used before, with what that one has allocated.
//
// Parsing into a new event is mostly malloc and free: some thirty blocks of texts and submessages
// an event. protobuf's own Clear() keeps the texts of a message but gives its submessages up, so
// here those that the bytes bring again are kept, emptied, and filled.
#pragma once

#include <string_view>

#include "libs/event/event.h"

namespace daemoneye::event {

// Makes `event`, whatever it was, what ParseFromArray makes of `bytes`. False where they do not
// parse; its content is then unspecified, but fit to be used again.
bool ParseAgain(std::string_view bytes, Event& event);

// Makes `event`, whatever it was, a copy of `from`.
void CopyAgain(const Event& from, Event& event);

}  // namespace daemoneye::event
