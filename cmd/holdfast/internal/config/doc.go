// Package config gives each flag of a command its value: from the command line,
// else from the environment, else from the configuration file, else its default;
// and tells for each where it came from.
//
// A setting is a flag. Its variable is HOLDFAST_ and the flag's name in capitals
// with underscores: --metrics-addr is HOLDFAST_METRICS_ADDR. In the file, which is
// YAML, it has the flag's name, either at the top level, where it holds for
// every command that has such a flag, or in the section of one command, which
// goes before the top level:
//
//	endpoints: [127.0.0.1:7001, 127.0.0.1:7002]
//	server:
//	  id: 1
//	  peers: {1: 127.0.0.1:7001, 2: 127.0.0.1:7002, 3: 127.0.0.1:7003}
//
// Contract, by number:
//
//	CONF-1  Flag before environment before file before default, for each setting
//	        by itself.
//	CONF-2  A name in the file that no command knows is an error naming the line, with
//	        the nearest known name; it is never ignored.
//	CONF-3  A value that does not parse is an error that names its origin.
//	CONF-4  What belongs to one call (Argument) comes from the command line only.
package config
