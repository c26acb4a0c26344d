from contracts.cli import main

main(prog_name="contracts")
