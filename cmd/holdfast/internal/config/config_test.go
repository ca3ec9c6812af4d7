package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

var known = config.Known{Commands: map[string][]string{
	"server": {"id", "listen", "peers"}, "get": {"endpoints", "timeout"},
}}

// parse resolves the settings of `server` from a command line, variables and a file.
func parse(t *testing.T, args []string, env map[string]string, file string) (map[string]config.Setting, error) {
	t.Helper()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	flags.String("config", "", "")
	flags.Uint64("id", 7, "")
	flags.String("listen", "default:1", "")
	flags.String("peers", "", "")
	flags.String("once", "", "")
	config.Argument(flags, "once")
	if file != "" {
		path := filepath.Join(t.TempDir(), "f.yaml")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
		args = append(args, "--config", path)
	}
	require.NoError(t, flags.Parse(args))
	list, err := config.Resolve("server", flags, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, known)
	out := map[string]config.Setting{}
	for _, s := range list {
		s.Where = filepath.Base(s.Where)
		out[s.Name] = s
	}
	return out, err
}

// Goal: CONF-1, each source goes before the next, and the origin is told. Method: take the
// strongest source of one setting away, step by step.
func TestFlagsGoBeforeEnvironmentBeforeFileBeforeDefault(t *testing.T) {
	env := map[string]string{"HOLDFAST_LISTEN": "env:1"}
	section := "listen: top:1\nserver:\n  listen: file:1\n"
	for _, c := range []struct {
		args []string
		env  map[string]string
		file string
		want config.Setting
	}{
		{[]string{"--listen", "flag:1"}, env, section, config.Setting{Value: "flag:1", Source: "flag", Where: "--listen"}},
		{nil, env, section, config.Setting{Value: "env:1", Source: "env", Where: "HOLDFAST_LISTEN"}},
		{nil, map[string]string{"HOLDFAST_LISTEN": ""}, section, config.Setting{Value: "file:1", Source: "file", Where: "f.yaml:3"}},
		{nil, nil, "listen: top:1\n", config.Setting{Value: "top:1", Source: "file", Where: "f.yaml:1"}},
		{nil, nil, "", config.Setting{Value: "default:1", Source: "default", Where: "."}},
	} {
		got, err := parse(t, c.args, c.env, c.file)
		require.NoError(t, err)
		c.want.Name = "listen"
		require.Equal(t, c.want, got["listen"])
	}
}

// Goal: lists and mappings of the file reach the flag as it takes them. Method: both forms.
func TestFileTakesListsAndMappings(t *testing.T) {
	got, err := parse(t, nil, nil, "server:\n  id: 3\n  peers: {1: a:1, 2: b:2}\nendpoints: [x:1, y:2]\n")
	require.NoError(t, err)
	require.Equal(t, "1=a:1,2=b:2", got["peers"].Value)
	require.Equal(t, "3", got["id"].Value)
}

// Goal: CONF-2 and CONF-3, mistakes are usage errors that name place and remedy. Method: one defect each.
func TestMistakesInSettingsAreExplained(t *testing.T) {
	for file, reason := range map[string]string{
		"lissten: x\n":            `line 1: "lissten" is not a setting of any command; did you mean "listen"?`,
		"server:\n  endpoints: x": `line 2: "endpoints" is not a setting of command server`,
		"server:\n  id: many\n":   `invalid value "many" of id in `,
		"- a\n":                   "line 1: expected `name: value`",
		"peers: {1: [a]}\n":       "values may not be nested",
		"a: b: c\n":               "is not YAML",
	} {
		_, err := parse(t, nil, nil, file)
		require.ErrorContains(t, err, reason, file)
		require.Equal(t, exit.Usage, exit.Code(err))
	}
	_, err := parse(t, []string{"--config", "/nonexistent/f.yaml"}, nil, "")
	require.ErrorContains(t, err, "/nonexistent/f.yaml")
	_, err = parse(t, nil, map[string]string{"HOLDFAST_ID": "x"}, "")
	require.ErrorContains(t, err, "HOLDFAST_ID")
	require.Equal(t, exit.Usage, exit.Code(err))
}

// Goal: CONF-4, arguments are not taken from the environment. Method: set the variable.
func TestArgumentsAreNoSettings(t *testing.T) {
	got, err := parse(t, nil, map[string]string{"HOLDFAST_ONCE": "x"}, "")
	require.NoError(t, err)
	require.NotContains(t, got, "once")
}

// Goal: a misspelt variable is noticed. Method: one misspelt, one foreign, one right.
func TestStrangeVariablesAreFound(t *testing.T) {
	require.Equal(t, []string{"HOLDFAST_ENDPOINT, did you mean HOLDFAST_ENDPOINTS?", "HOLDFAST_QQQQQQ"}, config.Strangers(
		[]string{"HOLDFAST_ENDPOINT=x", "HOLDFAST_QQQQQQ=1", "HOLDFAST_CONFIG=f", "HOLDFAST_ID=1", "PATH=/"}, known))
}
