package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/config"
)

// settings are the flags that run and replay share.
type settings struct {
	file       string
	rules      []string
	options    []string
	selections []config.Selection
	// recorded is set when the events come from files.
	recorded bool
}

func (s *settings) register(c *cobra.Command) {
	f := c.Flags()
	s.registerConfig(c)
	f.StringArrayVarP(&s.rules, "rules", "r", nil, "rules `file` or directory, may be given again; replaces rules_files (default: the built-in rules)")
	for _, flag := range []*selectionFlag{
		{settings: s, flag: "enable", enable: true}, {settings: s, flag: "disable"},
		{settings: s, flag: "enable-tag", enable: true, byTag: true}, {settings: s, flag: "disable-tag", byTag: true},
	} {
		f.Var(flag, flag.flag, flag.usage())
	}
}

// registerConfig adds the flags that say how the program is configured.
func (s *settings) registerConfig(c *cobra.Command) {
	c.Flags().StringVarP(&s.file, "config", "c", "", "configuration `file` in the form of falco.yaml (default: SAKER_CONFIG, or "+config.DefaultFile+" where it is there)")
	c.Flags().StringArrayVarP(&s.options, "option", "o", nil, "set a configuration `key=value`, may be given again; overrides the file")
}

// selectionFlag is a flag that switches rules on or off. The four of them fill one list, so that they take effect in
// the order of the command line.
type selectionFlag struct {
	settings *settings
	flag     string
	enable   bool
	byTag    bool
}

func (f *selectionFlag) usage() string {
	verb, text := "off", "rules by `name`, in which each * stands for any text"
	if f.enable {
		verb = "on"
	}
	if f.byTag {
		text = "rules by `tag`"
	}
	return "switch " + verb + " " + text + "; may be given again, all four in their order, after the key rules"
}

// Set is part of pflag.Value.
func (f *selectionFlag) Set(text string) error {
	if text == "" {
		return errors.New("a name is needed")
	}
	s := config.Selection{Origin: "--" + f.flag}
	s.Enable, s.Rule = f.enable, text
	if f.byTag {
		s.Rule, s.Tag = "", text
	}
	f.settings.selections = append(f.settings.selections, s)
	return nil
}

// String and Type are part of pflag.Value.
func (f *selectionFlag) String() string { return "" }

func (f *selectionFlag) Type() string { return "name" }

// read reads the configuration, which may be done again to reload it. The warnings are there with an error too.
func (s *settings) read() (cfg config.Config, warnings []string, err error) {
	environment := os.Environ()
	file := s.file
	if file == "" {
		file = config.FindFile(environment)
	}
	cfg, warnings, err = config.Load(config.Input{File: file, Options: s.options, Rules: s.rules, Environment: environment, Recorded: s.recorded})
	cfg.Selections = append(cfg.Selections, s.selections...)
	return cfg, warnings, err
}

// load reads the configuration and prints the warnings.
func (s *settings) load(c *cobra.Command) (config.Config, error) {
	cfg, warnings, err := s.read()
	for _, w := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), "Warning:", w)
	}
	return cfg, err
}
