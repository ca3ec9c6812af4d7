package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// Source is where a value came from.
type Source string

// The sources, the strongest first (CONF-1).
const (
	FromFlag    Source = "flag"
	FromEnv     Source = "env"
	FromFile    Source = "file"
	FromDefault Source = "default"
)

// EnvPrefix begins the names of the variables.
const EnvPrefix = "HOLDFAST_"

// FileFlag is the flag that names the configuration file. It cannot be in the
// file itself.
const FileFlag = "config"

// argument marks flags that are no settings.
const argument = "holdfast-argument"

// Setting is a flag's value with its origin.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source Source `json:"origin"`
	// Where is the flag, variable, or file and line.
	Where string `json:"where,omitempty"`
}

// EnvName is the variable of a setting.
func EnvName(name string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Argument marks flags that belong to one call, such as --expect-version (CONF-4).
func Argument(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		if err := flags.SetAnnotation(name, argument, nil); err != nil {
			panic("config: " + err.Error())
		}
	}
}

// IsSetting tells whether a flag may be set by environment and file.
func IsSetting(f *pflag.Flag) bool {
	_, local := f.Annotations[argument]
	return !local && !f.Hidden && f.Name != "help" && f.Name != FileFlag
}

// Names are the settings among the flags.
func Names(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if IsSetting(f) {
			names = append(names, f.Name)
		}
	})
	return names
}

// Resolve fills the flags of a command that the command line left out, and
// returns all settings in the order of their names, --config first. The command is
// named as in Known.
func Resolve(command string, flags *pflag.FlagSet, lookup func(string) (string, bool), known Known) ([]Setting, error) {
	var settings []Setting
	var f *file
	if at := flags.Lookup(FileFlag); at != nil {
		s, err := resolve(at, entry{}, "", false, lookup)
		if err != nil {
			return nil, err
		}
		settings = append(settings, s)
		if path := at.Value.String(); path != "" {
			if f, err = readFile(path, known); err != nil {
				return nil, err
			}
		}
	}
	var failed error
	flags.VisitAll(func(flag *pflag.Flag) {
		if failed != nil || !IsSetting(flag) {
			return
		}
		e, inFile := f.find(command, flag.Name)
		where := ""
		if inFile {
			where = fmt.Sprintf("%s:%d", f.path, e.line)
		}
		s, err := resolve(flag, e, where, inFile, lookup)
		settings, failed = append(settings, s), err
	})
	return settings, failed
}

func resolve(flag *pflag.Flag, e entry, where string, inFile bool, lookup func(string) (string, bool)) (Setting, error) {
	s := Setting{Name: flag.Name, Source: FromDefault}
	value := ""
	if variable, ok := lookup(EnvName(flag.Name)); flag.Changed {
		s.Source, s.Where = FromFlag, "--"+flag.Name
	} else if ok && variable != "" {
		s.Source, s.Where, value = FromEnv, EnvName(flag.Name), variable
	} else if inFile {
		s.Source, s.Where, value = FromFile, where, e.value
	}
	if s.Source == FromEnv || s.Source == FromFile {
		if err := flag.Value.Set(value); err != nil {
			return s, exit.Usagef("correct it there, or give --"+flag.Name, "invalid value %q of %s in %s: %w", value, flag.Name, s.Where, err)
		}
	}
	s.Value = flag.Value.String()
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		s.Value = strings.Join(list.GetSlice(), ",")
	}
	return s, nil
}

// Strangers are variables that look like settings but are none of any command,
// as NAME or "NAME, did you mean OTHER?".
func Strangers(environ []string, known Known) []string {
	names := []string{EnvName(FileFlag)}
	for _, name := range known.settings() {
		names = append(names, EnvName(name))
	}
	var out []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(names, name) {
			continue
		}
		if near := Nearest(name, names); near != "" {
			name += ", did you mean " + near + "?"
		}
		out = append(out, name)
	}
	return out
}
