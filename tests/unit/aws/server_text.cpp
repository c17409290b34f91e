#include <dynasession/aws/server_text.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace dynasession::aws;

TEST_CASE("what says nothing of the request stays as it is") {
    for (const std::string_view text :
         {"", "The conditional request failed", "The provided key element does not match the schema",
          "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}",
          "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING",
          "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: lock",
          "User: arn:aws:sts::123456789012:assumed-role/web/i-0 is not authorized to perform: dynamodb:GetItem on "
          "resource: arn:aws:dynamodb:eu-central-1:123456789012:table/sessions"})
        CHECK(without_values(text) == text);
}

TEST_CASE("values of attributes are left out") {
    // As DynamoDB Local or dynalite word it.
    for (const std::string_view text :
         {"The parameter cannot be converted to a numeric value: SECRET",
          "One or more parameter values were invalid: Input collection [SECRET, SECRET] contains duplicates.",
          "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower "
          "bound; lower bound operand: AttributeValue: {S:SECRET}, upper bound operand: AttributeValue: {S:SECRET}",
          "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower "
          "bound; lower bound operand: {S: SECRET,}, upper bound operand: {S: SECRET,}",
          "Invalid ConditionExpression: Invalid attribute type name found; type: SECRET, valid types: {B,NULL}"}) {
        const auto shown = without_values(text);
        CHECK_MESSAGE(shown.find("SECRET") == shown.npos, shown);
        CHECK(shown.ends_with("..."));
        CHECK(text.starts_with(shown.substr(0, shown.size() - 3)));
    }
}

TEST_CASE("of a value that breaks a rule the place and the rule are shown") {
    CHECK(without_values("1 validation error detected: Value 'SECRET' at 'tableName' failed to satisfy constraint: Member "
                         "must have length greater than or equal to 3") ==
          "1 validation error detected: Value ... at 'tableName' failed to satisfy constraint: Member must have length "
          "greater than or equal to 3");
    CHECK(without_values("Value SECRET at 'clientRequestToken' failed") == "Value ... at 'clientRequestToken' failed");
    CHECK(without_values("2 validation errors detected: Value 'SECRET' at 'a' failed; Value 'SECRET' at 'b' failed") ==
          "2 validation errors detected: Value ... at 'b' failed");
    CHECK(without_values("Value 'SECRET operand: SECRET at 'x' SECRET' at 'a' failed") == "Value ... at 'a' failed");
}

TEST_CASE("the canonical request, in which the security token stands, is left out") {
    const auto shown = without_values(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
        "and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request "
        "should have been\n'POST\n/\n\nhost:x\nx-amz-security-token:SECRET\n'\n\nThe String-to-Sign should have been\n'AWS4'");
    CHECK(shown.starts_with("The request signature we calculated does not match"));
    CHECK(shown.ends_with("The Canonical String..."));
    const auto incomplete = without_values("Authorization header requires 'Signature' parameter. Authorization=AWS4 SECRET");
    CHECK(incomplete == "Authorization header requires 'Signature' parameter. Authorization=...");
}
