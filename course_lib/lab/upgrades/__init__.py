"""What migrations/env.py stands on: one row of files, one upgrade at a time, and the types that an Enum needs.

files       which files there are: refused where no single one is the last
alone       a connection for the only upgrade of a database
enum_types  a native Enum, written so that it runs on both databases
"""
