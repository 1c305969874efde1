#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "services/collector_gateway/gateway_service.h"

namespace daemoneye::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<v1::AnalyzerLink> Analyzers() {
  std::vector<v1::AnalyzerLink> analyzers(3);
  analyzers[0].set_name("hasher");
  analyzers[0].set_address("b:1");
  analyzers[1].set_name("hasher");
  analyzers[1].set_address("a:1");
  analyzers[2].set_name("behaviour");
  return analyzers;
}

TEST(ListAnalyzersTest, PageByPageByNameAndAddress) {
  v1::ListAnalyzersRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  std::vector<int> pages;
  do {
    v1::ListAnalyzersResponse page;
    ASSERT_TRUE(FillAnalyzers(Analyzers(), request, page).ok());
    for (const auto& analyzer : page.analyzers()) {
      names.push_back(analyzer.name() + "@" + analyzer.address());
    }
    pages.push_back(page.analyzers_size());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("behaviour@", "hasher@a:1", "hasher@b:1"));
  EXPECT_THAT(pages, ElementsAre(2, 1));
}

TEST(ListAnalyzersTest, BadPagesAreNamed) {
  const struct {
    int size;
    const char* token;
    const char* wants;
  } cases[] = {{-1, "", "page_size"},
               {0, "x", "page_token"},
               {0, "-1", "page_token"},
               {0, "4", "page_token"}};
  for (const auto& c : cases) {
    v1::ListAnalyzersRequest request;
    request.set_page_size(c.size);
    request.set_page_token(c.token);
    v1::ListAnalyzersResponse page;
    const absl::Status status = FillAnalyzers(Analyzers(), request, page);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.token;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.wants));
  }
}

}  // namespace
}  // namespace daemoneye::gateway
