package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// Known are the names a file may use.
type Known struct {
	// Commands are the settings of each command, by its path without the program's
	// name, such as "server" or "check history".
	Commands map[string][]string
}

func (k Known) settings() []string {
	var all []string
	for _, names := range k.Commands {
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// entry is one value of the file.
type entry struct {
	value string
	line  int
}

// file is a configuration file that has been read.
type file struct {
	path     string
	top      map[string]entry
	sections map[string]map[string]entry
}

// find returns what the file says of a setting of a command.
func (f *file) find(command, name string) (entry, bool) {
	if f == nil {
		return entry{}, false
	}
	if e, ok := f.sections[command][name]; ok {
		return e, true
	}
	e, ok := f.top[name]
	return e, ok
}

func readFile(path string, known Known) (*file, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("cannot read the configuration file: %w", err),
			"check the path given with --config or HOLDFAST_CONFIG")
	}
	f := &file{path: path, top: map[string]entry{}, sections: map[string]map[string]entry{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, exit.Usagef("correct the file", "configuration file %s is not YAML: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return f, nil
	}
	if err := f.load(doc.Content[0], known); err != nil {
		return nil, exit.Usagef("correct the file; `holdfast config show COMMAND` lists the settings of a command",
			"configuration file %s: %w", path, err)
	}
	return f, nil
}

func (f *file) load(root *yaml.Node, known Known) error {
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: expected `name: value`", root.Line)
	}
	all := known.settings()
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, value := root.Content[i], root.Content[i+1]
		// A command and a setting may share their name; the section is a mapping
		// whose keys are settings of the command.
		if names, ok := known.Commands[name.Value]; ok && value.Kind == yaml.MappingNode && !slices.Contains(all, name.Value) {
			section, err := loadSettings(value, names, "command "+name.Value)
			if err != nil {
				return err
			}
			f.sections[name.Value] = section
			continue
		}
		if part := within(name.Value, known); part != "" && value.Kind == yaml.MappingNode {
			return fmt.Errorf("line %d: %q is a setting, and takes one value; the settings of a command within go into a section of its own, as %q",
				name.Line, name.Value, part)
		}
		e, err := loadSetting(name, value, all, "any command")
		if err != nil {
			return err
		}
		f.top[name.Value] = e
	}
	return nil
}

// within names a command within the given one, "" if there is none.
func within(command string, known Known) string {
	if _, ok := known.Commands[command]; !ok {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(known.Commands)) {
		if strings.HasPrefix(name, command+" ") {
			return name
		}
	}
	return ""
}

func loadSettings(section *yaml.Node, names []string, of string) (map[string]entry, error) {
	out := map[string]entry{}
	for i := 0; i+1 < len(section.Content); i += 2 {
		e, err := loadSetting(section.Content[i], section.Content[i+1], names, of)
		if err != nil {
			return nil, err
		}
		out[section.Content[i].Value] = e
	}
	return out, nil
}

func loadSetting(name, value *yaml.Node, names []string, of string) (entry, error) {
	if !slices.Contains(names, name.Value) {
		hint := ""
		if near := Nearest(name.Value, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return entry{}, fmt.Errorf("line %d: %q is not a setting of %s%s", name.Line, name.Value, of, hint)
	}
	text, err := flat(value)
	if err != nil {
		return entry{}, fmt.Errorf("line %d: %s: %w", value.Line, name.Value, err)
	}
	return entry{value: text, line: name.Line}, nil
}

// flat writes a value the way its flag takes it: lists and mappings with commas.
func flat(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.AliasNode:
		return flat(n.Alias)
	case yaml.SequenceNode, yaml.MappingNode:
		return flatMany(n)
	}
	return "", errors.New("expected a value, a list or a mapping")
}

func flatMany(n *yaml.Node) (string, error) {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	var parts []string
	for i := 0; i+step <= len(n.Content); i += step {
		for _, part := range n.Content[i : i+step] {
			if part.Kind != yaml.ScalarNode {
				return "", errors.New("values may not be nested")
			}
		}
		text := n.Content[i].Value
		if step == 2 {
			text += "=" + n.Content[i+1].Value
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ","), nil
}
