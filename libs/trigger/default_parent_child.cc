// The default table of parents and the children they should not start.

#include <array>
#include <span>

#include "libs/trigger/condition_sql.h"

namespace daemoneye::trigger {
namespace {

// Names as the kernel keeps them: 15 bytes.
constexpr auto kServers = std::to_array<const char*>(
    {"nginx",         "apache2",  "httpd",        "httpd-*",   "lighttpd",  "caddy",
     "haproxy",       "php-fpm*", "php-cgi*",     "uwsgi",     "gunicorn*", "tomcat*",
     "catalina*",     "w3wp",     "node",         "mysqld",    "mariadbd",  "postgres",
     "postmaster",    "mongod",   "redis-server", "memcached", "oracle",    "sqlservr",
     "elasticsearch", "couchdb",  "influxd"});
constexpr auto kMailPrograms =
    std::to_array<const char*>({"sendmail*", "exim", "exim4", "postfix", "smtpd", "qmail*",
                                "dovecot", "imap", "pop3", "thunderbird*", "evolution*", "kmail"});

constexpr auto kShells = std::to_array<const char*>(
    {"sh", "bash", "dash", "zsh", "ksh*", "csh", "tcsh", "fish", "ash", "busybox", "rbash"});
constexpr auto kInterpreters =
    std::to_array<const char*>({"python*", "perl*", "ruby*", "lua*", "php", "awk", "gawk", "mawk"});
constexpr auto kDownloaders = std::to_array<const char*>(
    {"curl", "wget", "nc", "ncat", "nc.*", "netcat", "socat", "ftp", "tftp", "scp", "telnet"});

void AddPair(std::span<const char* const> parents, v1::SuspiciousParentChild* table) {
  v1::SuspiciousParentChild::Pair* pair = table->add_pairs();
  for (const char* parent : parents) pair->add_parents(parent);
  for (const char* child : kShells) pair->add_children(child);
  for (const char* child : kInterpreters) pair->add_children(child);
  for (const char* child : kDownloaders) pair->add_children(child);
}

}  // namespace

const v1::SuspiciousParentChild& DefaultParentChild() {
  static const auto* const kTable = [] {
    auto* table = new v1::SuspiciousParentChild;
    AddPair(kServers, table);
    AddPair(kMailPrograms, table);
    return table;
  }();
  return *kTable;
}

}  // namespace daemoneye::trigger
