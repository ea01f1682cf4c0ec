package config

import (
	"time"
)

// fileKeys are about the configuration itself and where state is kept.
var fileKeys = []Key{
	structured("config_files", "a list of paths, or of {path: PATH, strategy: append, override or add-only}", true,
		func(*Config, *value) error { return nil }, // read before the files are merged
		func(c *Config) any { return texts.show(c.ConfigPaths) }, refer("config_files"),
		"More configuration files, and directories of them (regular files by name, not those of sub-directories), merged into the main file in order. "+
			"What is not there is skipped. The strategy says what becomes of a key at the top that is there already: append adds the items of sequences and replaces other values, "+
			"override replaces the value, add-only keeps it.").
		falco("[/etc/falco/config.d]", "in the file that it comes with; without that key nothing is included, as here"),
	key("watch_config_files", "true", boolean, func(c *Config) *bool { return &c.Watch },
		"Read the configuration and the rules again when one of their files changes."),
	structured("data_dir", "a path, or memory", false, setDataDir, func(c *Config) any { return c.dataDirShown() }, refer("text"),
		"Directory that keeps what waits for delivery, and the dead letters. memory keeps all of it in memory only, so that it is lost with the process. "+
			"Without the key it is the directory that systemd made (StateDirectory=), else /var/lib/saker when it can be used, else $XDG_STATE_HOME/saker or ~/.local/state/saker; "+
			"when that cannot be made, memory is used with a warning.").ours(),
	key("shutdown.drain", "10s", duration, func(c *Config) *time.Duration { return &c.Shutdown.Drain },
		"How long the end of the program waits for alerts to be delivered. What is left stays in the queues on disk and is delivered after the next start.").ours(),
}

var ruleKeys = []Key{
	key("rules_files", "", texts, func(c *Config) *[]string { return &c.RulesFiles },
		"Rules files and directories (their *.yaml and *.yml files by name) in load order. What is not there is skipped with a warning. Without any, the built-in rules are used.").
		falco("[/etc/falco/falco_rules.yaml, /etc/falco/falco_rules.local.yaml, /etc/falco/rules.d]", "Saker has rules built in"),
	key("rules_file", "", texts, func(c *Config) *[]string { return &c.RulesFiles }, "Old name of rules_files; only one of them may be there."),
	structured("rules", "a list of entries such as {disable: {rule: NAME}} or {enable: {tag: TAG}}", true, setSelections, showSelections, refer("rules"),
		"Rules switched on and off after the rules files are read, in order: entries enable or disable, each with {rule: NAME} (in which each * stands for any text), {tag: TAG}, or both."),
	key("priority", "debug", priority, priorityAt, "Least severe priority whose rules are evaluated."),
	structured("rule_matching", "first or all", false, setMatching, showMatching, choice("first", "all").schema,
		"first: an event triggers the first rule that holds; all: every rule that holds.").withDefault("first"),
	structured("static_fields", "a mapping such as {region: eu}", false, setStaticFields, showStaticFields, refer("static_fields"),
		"Fields of one value, the same for every event: NAME: value is the field static.NAME of conditions and outputs."),
}

var alertKeys = []Key{
	key("json_output", "false", boolean, func(c *Config) *bool { return &c.JSON }, "Alerts as JSON lines instead of text lines."),
	key("json_include_output_property", "true", boolean, func(c *Config) *bool { return &c.JSONOutput }, "The key output in JSON alerts."),
	key("json_include_message_property", "false", boolean, func(c *Config) *bool { return &c.JSONMessage }, "The key message in JSON alerts: the output without time and priority."),
	key("json_include_output_fields_property", "true", boolean, func(c *Config) *bool { return &c.JSONFields }, "The key output_fields in JSON alerts."),
	key("json_include_tags_property", "true", boolean, func(c *Config) *bool { return &c.JSONTags }, "The key tags in JSON alerts."),
	key("json_include_id_property", "false", boolean, func(c *Config) *bool { return &c.JSONID }, "The key id in JSON alerts: the same whenever an alert is sent again, so that receivers can leave out what they have.").ours(),
	key("time_format_iso_8601", "false", boolean, func(c *Config) *bool { return &c.ISO8601 }, "Times as ISO 8601 in UTC instead of local time of day."),
	key("buffer_format_base64", "false", boolean, func(c *Config) *bool { return &c.Base64 }, "Byte buffers in outputs in base 64."),
	structured("append_output", "a list of entries such as {extra_output: TEXT}", true, setAdditions, showAdditions, refer("append_output"),
		"What is added to the outputs of the rules that match (rule, source, tags) names, in order: extra_output (text), suggested_output (where it happened), extra_fields (fields for JSON: a field, or {NAME: text}).").
		falco("[{suggested_output: true}]", "in the file that it comes with; without that key nothing is added, as here"),
	key("buffered_outputs", "false", boolean, func(c *Config) *bool { return &c.Outputs.Stdout.Settings.Buffered }, "Collect alerts before they are written to standard output."),
	inert("outputs_queue.capacity", "0", integer(0, maxInt), "Alerts that wait for all outputs together.",
		"every sink has its own queue, bounded by delivery.queue_bytes and delivery.queue_age"),
	key("output_timeout", "2000", integer(0, maxInt), func(c *Config) *int { return &c.record.outputTimeout },
		"Milliseconds; a value other than 2000 is the default of delivery.timeout. Falco's own default only made it log that an output is slow."),
}
