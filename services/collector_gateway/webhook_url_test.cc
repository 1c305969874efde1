#include "services/collector_gateway/webhook_url.h"

#include <string>

#include "gmock/gmock.h"

namespace daemoneye::gateway {
namespace {

TEST(WebhookUrlTest, TakesHttpsAndHttpToThisMachine) {
  for (const char* url : {"https://example.com/a?b=c", "https://h", "https://[2001:db8::1]:8443/",
                          "http://127.0.0.1:80/", "http://localhost/x", "http://[::1]:9/x"}) {
    EXPECT_TRUE(CheckWebhookUrl(url).ok()) << url << CheckWebhookUrl(url);
  }
}

TEST(WebhookUrlTest, RefusesEverythingElse) {
  for (const std::string& url :
       {std::string(""), std::string("https://"), std::string("https:///x"),
        std::string("http://example.com/"), std::string("http://127.0.0.1.example.com/"),
        std::string("http://localhost.example.com/"), std::string("http://localhost@example.com/"),
        std::string("https://user:pw@h/"), std::string("file:///etc/passwd"),
        std::string("https://h/#f"), std::string("https://h/ x"), std::string("https://h/\n"),
        std::string("https://h\\@example.com/"), std::string("https://[::1/"),
        std::string("HTTPS://h/"), "https://h/" + std::string(3000, 'x'),
        std::string("https://h/\xc3\xbc")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckWebhookUrl(url))) << url;
  }
}

}  // namespace
}  // namespace daemoneye::gateway
