#include <dynasession/aws/xml_document.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using dynasession::aws::xml_document;

namespace {

bool is_read(std::string_view text) { return xml_document::parse(text).has_value(); }

// What stands at `path`, or why there is nothing.
std::string text_at(std::string_view text, std::string_view path) {
    const auto document = xml_document::parse(text);
    return document ? document->find(path).value_or("(none)") : "(refused)";
}

std::string nested(std::size_t depth) {
    std::string text = "x";
    for (std::size_t i = 0; i != depth; ++i) text = "<a>" + text + "</a>";
    return text;
}

} // namespace

TEST_CASE("texts are found by the elements around them") {
    constexpr std::string_view answer = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding='UTF-8'?>\r\n"
                                        "<!-- of STS -->\n"
                                        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                                        "  <Error a:b = 'c>d'>\n"
                                        "    <Type>Sender</Type><!-- < -->\n"
                                        "    <Code >AccessDenied</Code\n>\n"
                                        "    <Detail/><Other  x=\"/\" />\n"
                                        "    <Message>  may\nnot </Message>\n"
                                        "  </Error>\n"
                                        "</ErrorResponse>\n<!-- end -->\n";
    CHECK(text_at(answer, "ErrorResponse/Error/Code") == "AccessDenied");
    CHECK(text_at(answer, "ErrorResponse/Error/Message") == "  may\nnot ");
    CHECK(text_at(answer, "ErrorResponse/Error/Detail") == "");
    CHECK(text_at(answer, "ErrorResponse/Error/Other") == "");
    CHECK(text_at(answer, "ErrorResponse/Error") == "(none)");
    CHECK(text_at(answer, "Error/Code") == "(none)");
    CHECK(text_at("<a>x</a>", "a") == "x");
}

TEST_CASE("a text that stands there twice is none") {
    CHECK(text_at("<a><b>1</b><b>2</b></a>", "a/b") == "(none)");
    CHECK(text_at("<a><b><c>1</c></b><b><c>2</c></b></a>", "a/b/c") == "(none)");
    CHECK(text_at("<a><b><c>1</c></b><b><d>2</d></b></a>", "a/b/d") == "2");
}

TEST_CASE("entities are resolved once, and unknown ones are no text") {
    CHECK(text_at("<a>&lt;b&gt; &amp;amp; &apos;&quot;&#39;&#x2F;&#10;</a>", "a") == "<b> &amp; '\"'/\n");
    for (const auto* broken : {"&nbsp;", "&LT;", "&;", "&", "&lt", "&#;", "&#x;", "&#0;", "&#128;", "&#x100;", "&#39a;",
                               "&#-1;", "&# 39;", "&xxe;", "&&lt;"})
        CHECK_MESSAGE(text_at("<a>" + std::string(broken) + "</a>", "a") == "(none)", broken);
}

TEST_CASE("what is no document of elements is refused") {
    for (const auto* broken :
         {"", " ", "x", "<", "<a", "<a>", "<a/", "</a>", "<a></b>", "<a></a", "<a></a>x", "<a></a><b></b>", "x<a></a>",
          "<a><b></a></b>", "<a><b></a>", "<a>text<b></b></a>", "<a><b></b>text</a>", "< a></a>", "<a></ a>", "<></>",
          "<a b></a>", "<a b=></a>", "<a b=c></a>", "<a b='c></a>", "<a b='<'></a>", "<a b='c'd='e'></a>", "<a><!-- </a>",
          "<a><!-- --", "<a/>x", "<a / ></a>", "<?xml version='1.0'", "<?xml ?>", "{\"a\":1}", "<html><br></html>"})
        CHECK_MESSAGE(!is_read(broken), broken);
}

TEST_CASE("what could make a reader do more than read is refused") {
    CHECK_FALSE(is_read("<!DOCTYPE a><a>x</a>"));
    CHECK_FALSE(is_read("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"));
    CHECK_FALSE(is_read("<a><![CDATA[x]]></a>"));
    CHECK_FALSE(is_read("<a><?php x ?></a>"));
    CHECK_FALSE(is_read("<?xml-stylesheet href='x'?><a>x</a>"));
}

TEST_CASE("depth and size have limits") {
    CHECK(is_read(nested(xml_document::max_depth)));
    CHECK_FALSE(is_read(nested(xml_document::max_depth + 1)));
    CHECK_FALSE(is_read(nested(9000))); // 63 kB: it is the depth that ends it
    const std::string filling(xml_document::max_size - 7, 'x');
    CHECK(is_read("<a>" + filling + "</a>"));
    CHECK_FALSE(is_read("<a>x" + filling + "</a>"));
}
