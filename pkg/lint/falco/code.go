package falco

// meaning is what a code stands for: in a few words, as the text form and errors in the JSON form show it, and in full,
// as warnings in the JSON form show it.
type meaning struct{ short, long string }

// codes are Falco's codes of errors and warnings. The few words are its own, they are part of the form; the long
// texts are ours.
var codes = map[string]meaning{
	"LOAD_ERR_FILE_READ":         {"File read error", ""},
	"LOAD_ERR_YAML_PARSE":        {"YAML parse error", ""},
	"LOAD_ERR_YAML_VALIDATE":     {"Error validating internal structure of YAML file", ""},
	"LOAD_ERR_COMPILE_CONDITION": {"Error compiling condition", ""},
	"LOAD_ERR_COMPILE_OUTPUT":    {"Error compiling output", ""},
	"LOAD_ERR_VALIDATE":          {"Error validating rule/macro/list/exception objects", ""},
	"LOAD_ERR_EXTENSION":         {"Error in extension item", ""},

	"LOAD_UNKNOWN_SOURCE": {"Unknown event source",
		"The rule is for events of a source that is not there, so it is left out. Rules for several sources may share a file; if this one was meant to run, look for a typing error."},
	"LOAD_UNSAFE_NA_CHECK": {"Unsafe <NA> comparison in condition",
		"The condition compares with the text <NA>. Outputs print it for a value that is missing, but in a condition a missing value is not that text: ask whether the field exists."},
	"LOAD_NO_EVTTYPE": {"Condition has no event-type restriction",
		"The rule is evaluated for most events there are, which costs time on every one of them. A comparison of evt.type at the beginning of the condition makes it cheap."},
	"LOAD_UNKNOWN_FILTER": {"Unknown field or event-type in condition or output",
		"The rule uses a field or an event type that is not known. It asks to be left out in this case, so it is no error."},
	"LOAD_UNUSED_MACRO": {"Unused macro", "No rule and no other macro uses this macro."},
	"LOAD_UNUSED_LIST":  {"Unused list", "No rule, no macro and no other list uses this list."},
	"LOAD_UNKNOWN_ITEM": {"Unknown rules file item",
		"The item is neither a rule nor a macro, a list or a requirement. It has no effect."},
	"LOAD_DEPRECATED_ITEM": {"Used deprecated item",
		"Something is used that still works and is not meant to be used any more."},
	"LOAD_WARNING_EXTENSION": {"Warning in extension item", "An item of an extension has something odd about it."},
	"LOAD_APPEND_NO_VALUES": {"Overriding/appending with no values",
		"An exception is changed by an item that brings no values, so it stays as it is."},
	"LOAD_EXCEPTION_NAME_NOT_UNIQUE": {"Multiple exceptions defined with the same name",
		"Two exceptions of the rule have one name. Both count, and later files can change only the first of them."},
	"LOAD_INVALID_MACRO_NAME": {"Invalid macro name",
		"The name of the macro has characters that no condition can write, so nothing can use it."},
	"LOAD_INVALID_LIST_NAME": {"Invalid list name",
		"The name of the list has characters that no condition can write, so nothing can use it."},
	"LOAD_COMPILE_CONDITION": {"Warning in rule condition", "The condition can be evaluated but hardly means what was meant."},
	"LOAD_UNKNOWN_KEY": {"Unknown key in item definition",
		"The item has a key that its kind does not know, so what it says has no effect. It may be misspelt, or belong to another item."},
}
