from contracts.cli.main import main

main(prog_name="contracts")
