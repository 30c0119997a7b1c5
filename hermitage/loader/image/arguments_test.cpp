#include "hermitage/loader/image/arguments.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

// The resulting command line for a user's line and an image with kernel arguments, variables and application
// arguments.
auto line(std::string_view user_line, std::string_view kernel_args, std::string_view env_vars,
          std::string_view app_args, bool names_loader = false, std::size_t room = 1000) -> std::string {
  const auto toml = "version = '1'\nkernel = 'k'\n[input]\nkernel_args = [" + std::string{kernel_args} +
                    "]\nenv_vars = [" + std::string{env_vars} + "]\napp_args = [" + std::string{app_args} + "]\n";
  const auto config = read_image_config(toml);
  EXPECT_TRUE(config) << config.error().c_str();
  std::string text(room, '\0');
  const auto size = add_image_arguments(user_line, names_loader, *config, text);
  return size ? text.substr(0, *size) : size.error().c_str();
}

TEST(ImageArguments, AreTheImagesWhereTheUserGivesNone) {
  EXPECT_EQ(line("", "", "", ""), "");
  EXPECT_EQ(line("", "'-freq', '1000'", "'A=b'", "'one', 'two words'"), "-freq 1000 env=A=b -- one 'two words'");
  EXPECT_EQ(line("", "", "", "''"), "-- ''");
  EXPECT_EQ(line("", "", "\"A=it's\"", ""), "'env=A=it'\\''s'");
  EXPECT_EQ(line("/loader", "'k'", "", "'a'", true), "/loader k -- a");
  EXPECT_EQ(line(" ", "'k'", "", ""), " k");
}

TEST(ImageArguments, GiveWayToTheUsers) {
  EXPECT_EQ(line("own", "'k'", "'A=b'", "'a'"), "own env=A=b");
  EXPECT_EQ(line("-- own", "'k'", "'A=b'", "'a'"), "env=A=b -- own");
  EXPECT_EQ(line("/loader -- own", "'k'", "", "'a'", true), "/loader -- own");
  EXPECT_EQ(line("--", "'k'", "'A=b'", "'a'"), "env=A=b --");
  EXPECT_EQ(line("x '--' y", "'k'", "", "'a'"), "x '--' y");
}

TEST(ImageArguments, TellVariablesFromWords) {
  EXPECT_EQ(line("env=X=1", "'k'", "'A=b'", "'a'"), "env=X=1 k env=A=b -- a");
  EXPECT_EQ(line("env=A=1 'env=B=2 3'", "", "'A=b', 'B=b', 'AB=c', 'B'", ""), "env=A=1 'env=B=2 3' env=AB=c");
  EXPECT_EQ(line("\"env=\"A\\==1", "", "'A=b', 'C=d'", ""), "\"env=\"A\\==1 env=C=d");
  EXPECT_EQ(line("-- env=A=1", "", "'A=b'", ""), "env=A=b -- env=A=1");
}

TEST(ImageArguments, TakeTheFirstOfTwoVariables) {
  EXPECT_EQ(line("", "'env=A=0'", "'A=1', 'A=2', 'B=3', 'nonsense', '=4', ''", ""), "env=A=0 env=A=1 env=B=3");
}

TEST(ImageArguments, NeedRoom) {
  const auto whole = line("own", "", "'A=b'", "");
  EXPECT_EQ(line("own", "", "'A=b'", "", false, whole.size()), whole);
  EXPECT_EQ(line("own", "", "'A=b'", "", false, whole.size() - 1),
            "the command line, with the arguments and variables of the image, is too long");
}

TEST(ImageArguments, HaveNoWordsOfTheLoaders) {
  EXPECT_EQ(line("", "'hermitage.handover=1', 'hermitage.', 'hermitage'", "'hermitage.x=1'", "'hermitage.log=off'"),
            "'hermitage.handover=1' 'hermitage.' hermitage env=hermitage.x=1 -- 'hermitage.log=off'");
}

TEST(ImageArguments, HaveNoEndOfTheKernelsWords) {
  EXPECT_EQ(line("", "'k', '--', 'x'", "'A=b'", ""), "the image's kernel_args contain '--', which would end them");
  EXPECT_EQ(line("own", "'k', '--', 'x'", "'A=b'", ""), "own env=A=b");
}

}  // namespace
}  // namespace hermitage::loader
