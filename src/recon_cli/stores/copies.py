import sqlite3
from recon_cli.systems.base import Copy
from recon_cli.core.report import Problem
def read_copy(path, source, origin, zone=""):
    try:
        db=sqlite3.connect(f"file:{path}?mode=ro",uri=True); db.row_factory=sqlite3.Row
        t={}
        for (n,) in db.execute("select name from sqlite_master where type='table' and name not like 'sqlite_%'").fetchall():
            t[n]=[dict(r) for r in db.execute(f'select * from "{n}"')]
        return Copy(source,origin,t,(),zone)
    except sqlite3.Error as e:
        return Copy(source,origin,{},(Problem(source,"unreadable",str(e)),),zone)
