"""pytest puts the directory of a conftest on the path: the modules beside this one (`hidden_layers`) can be imported by all tests."""
