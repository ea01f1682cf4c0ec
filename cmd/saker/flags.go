package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/config"
)

// settings are the flags that run and replay share.
type settings struct {
	file    string
	rules   []string
	options []string
}

func (s *settings) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&s.file, "config", "c", "", "configuration `file` in the form of falco.yaml")
	f.StringArrayVarP(&s.rules, "rules", "r", nil, "rules `file` or directory, may be given again; replaces rules_files (default: the built-in rules)")
	f.StringArrayVarP(&s.options, "option", "o", nil, "set a configuration `key=value`, may be given again; overrides the file")
}

// load reads the configuration and prints warnings about keys without effect.
func (s *settings) load(c *cobra.Command) (config.Config, error) {
	cfg, warnings, err := config.Load(s.file, s.options, os.Getenv)
	for _, w := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), "Warning:", w)
	}
	if err != nil {
		return cfg, err
	}
	if len(s.rules) > 0 {
		cfg.RulesFiles = s.rules
	}
	if cfg.Hostname = os.Getenv("FALCO_HOSTNAME"); cfg.Hostname == "" {
		if cfg.Hostname, err = os.Hostname(); err != nil {
			return cfg, fmt.Errorf("find the host's name: %w", err)
		}
	}
	if root := os.Getenv("HOST_ROOT"); root != "" {
		cfg.HostRoot = root
	}
	return cfg, nil
}
