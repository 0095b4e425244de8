"""What the contexts of PNG corrections begin with (see bitcoder.START_CHANCES); part of the format.

Learnt by `benchmarks/learn_png_starts.py` from files of many encoders, so that a small file does not pay for what
is the same in nearly all of them. Contexts in the order of `rasters`.
"""

import base64
import zlib

_PACKED = (
    "c-rkdTX5Ufl?Pw?+uwe+GyTZUbZ7FhGn;-i>tx;9ZY^21B}O9skRUq|DJ7)|O6CxtgdqT#0zjJtNLK_%l>{l7l3!91J9642YSSia"
    "cR#XiXPTd#_N&v+einb+a{=(B*fQ<f&g>2kMP3}-i*xRI+;cDPxdH?J4E2qlycV@>(Csf^$===g-KW2$0AS;nzxebRfQ^?|sBzn-"
    "=-qcgwO8!l*}tWNwq4o&)Blt+06aD*mjD{rk}m_`EvPpT$7=!u_^ti{U~3m3yaf)$;+Oc$o=dzzctIQNhg>(?H9UO7xrf98I`tq<"
    "IXwE%hvx<Mz{V<ZX>{(wo56xTNj$M9r)%`g1IaZ8>aFJ*&)%myDK=bqER)6n!jo|s@aR8d{j_N}``-(LCskvU!}Hcp`8n9P(V@*_"
    "jV>5Cu>VbX0xr~Z9&zIX&t5y7@XyaXVoXdtWB(t7vG9wV=o*c&=S=@lPqGX=k%jkK&23z;^zuybiF!>{T363m{}q^7c?}m#Ks8cf"
    "zR55Q5NmQ?&QL@|-o;Xs-Q`N<?uFDtfxQ?#%IeXyo)F(DY$l7-<FN@OxDW$A26edx?{CQ)SIjurJfBuM3V98*9CpA{N2emFJ5VS1"
    "z)=@}DFq*#Bg;X1!ojEY@5q_AA^M+G7&#z*j|xkq>XuDV5UfMTYEvg)K}v65ME?^x=FqjP^fy-0DSIhIfjK)w6@-&7!`2pc5p`h<"
    "o~7<{ufBwf%c4C?fpI8;jm{FStW$_<-xMf#pLM#Jvk7ie@JZ6a4T^#!Rit3=+YWvsNi_Cfc(vV>#@-MAZ9^ZP9h3oW&^3@KR50<K"
    "VS50+L=W3(P(T8a4Htm8mJO?j1h6EQD1WNGD}N|&$bD6Q-9SOpl5KlZBi_Z#V;;Wr*x0P$#{?P1;iU6vmL6<d_*1~w$~6}^tP<ov"
    "|8ddEL(b4Zw{$SGO4PJ;O*3@RH*=a!O2idQL0nOEOA!c;C74!D)=d>lU6&12)-4n3L91G(Y*=Q}vMjKyYP+X}Li@cGp;k4)Dwvno"
    "u^;+eZn{*-%W5H$%oS9~X=%t?X<5}IP_4A4YUyO!k~Gy2=T&P-Q_Uq%s*<c2ikz>CGU7_!x~im2RZuN#Z6FOxm%+%j`CHEKBs_4+"
    "lTc7pGY3(ySXmWd9tv@QY$6Gpten*1$)pw61S2l6ST7oEl(iU*)#4oDTHIjdxDnUl8Y9Gw86{%I<+vG<S)CEU0EN|}3YIc!%*$Q;"
    "E8Z7j>pizz#rxMlgmggyF3Ul3Qv}iA1OfR9S`^|IBXb&y{a~`J_I8r=hczN{#9(wrn@NJnC^P!35HdlDY8M6c0fp6p^aG7Im+Y7="
    "U1+{O82~>eF~0_I)nb#GnuO1AAekKUWq~yXh08&bGdWFESd?>4f!v%BH5n~o&LW>#fiW*6XUwP)%SC0-W6GP#ND}mEWljlWiT<dE"
    "+x)BhJl7(769A=634cY%R1@i|Fegjq0wnMwRTH4#{e;QoIE95oiAm2Xj4)Fq^1UOlB}Px=P#=hgbxxR*L6P*cNhpSOUWcS)q9!!d"
    "Llf5b@!#5TI#9lS4KgJOu52w7L~Jfq`AVw7p@S+S+Ch{`96JA;$gL&RxnfjEn2_glvq_?7t{4_#MU-4e?!|DLE8&D&45OZigTr+!"
    "l@`AZ)QHu&cVjzO<y!!Gbi<S(0$=1HQN6sun;g-XkwE)P>zpnqj5xo><)gW%uvmjUXU@p{+L_#x{wCq4#_~AsQ4f$0lQNH-aA4xq"
    "jShKlq6Zk=`$o<LVP(wXh622?Xo(hQTr(E4l0o#qqI0momCys^S%?;+>1Ywu#2Vzd5~D<GF&&B*_4y*72K618D?&P!534K1*mdkd"
    "8o85?+2)tEojIw|y=_&%iw#?X)ji!_v9bGi$vQ-^bGs@iJEAS!6<}#su*KWr3U^B=t81zXWuYkD<#JLz4vF;zg)ejU#T%KQ%&skE"
    "`1Mp7*7&-33+K*STie?t_}PW0cuVnKLF|m@HvlVjyuNLd1tj{-N`tiFKk(Y$^2S*G|LQ!YEicPB1z6VRruFX607A}Px)n91aIT_*"
    "p-?2^MbuC*7^H(ZLqz~%D19~rlXxcxkw`qAbY`d^)?OmjaRKNF2wu8`1e|)oqcKTeibNQeCHV9>_~{TGVi-1|lIl}IKTU^1%q+t>"
    "_%Jv<n3>~T+yNeDan5@N({wjHIezRPd>;1W@HpJ<_ep|1M4oTKKVk8&Ufrql-Hk%C;qXD~h+mlJWB7Smb!M5_d7eNjl>(mXF9Tor"
    "vh!Q;4J`iSu#5U9rn{;m7ca*SdR&QKzRbsBi%<QM&LuAM9;D_|d<w!Zc3b+?+4DzwXvg>5t#P<G8;ga*?&i;5PrY?+s0X)39rjE="
    "93%9@j-h`4!*f30*t4bo7E&h+oO$u&sLwau1AVkyuk_!XC)8c~_U~I;1AnSX)B*I71AfR~Z+ud`<CNPC%A2PtZ+;#iugHbw7FQFB"
    "<^elp7@Ja=#1jY!Vg5yUZv(>5c#km#;gx<+>_Z>=(1$+sp$~oNLm&Fkhd%s2gI({P|2OTVE7fRbVBL*@U)!JW?(Wp`KtF1GU~!3T"
    "O)M;=uJpP&u`nlmJ@PIa2pTNA2!3x`hLr_9OK|e@zGdCCvf1Tq!NHfU&BA+ythJnV>z6;;*!=h=$<^*TDNEzC?E+N5u8_RPU$M#0"
    "9UKZ?W@Rc!Ptk)T!$YT!Irv<9NfaY-E<(F|@zK@mf|`uCwpA9^Zzwq>*-DE_)%$u4l9?th?(CX1%R`b_|9*#Xp8@b+bY#zIfU)4E"
    "z=(fvaPX9SD|Gd$D2Yte%US@G%Brd+(<C$Dz>T|RQJ3`=jXU?vnkMV58z1Zy?%njVcBGg0Y;Y5m2*1Yf$KCoy`2%NsKHtdc*BzW&"
    "y22%x$Q=0nPSQSc9pz`^@wnF?skEx+NM5rk|BX9Ftt4lf{mb0nU9Z+5)0BT@XTwcFohE(3`Y-nxe9}KMIy7|j==WW<_=8KL#IbBV"
    "GUZmos-h(0qU7-(hc&aPDY<su<X)|26x(S!_|@J{t%Lr3yM3VNj{pz;-hIAjgr?~;fit6LJpO^uHBsc4d1j`Wi&<4wAuh0?rrGWk"
    "i;9vHB5nSr1$iJiNuBARZ&q%1Fu2{pfBUQa1Cybti8sc4hhOdD9|O9{ucT`@7AJ!)eiUw-IU;S-Ka?*vH_0&@(%l^*?-yIG)ZHf}"
    "fDnF^8!^!Sm3{n=k57*HPP}pS_{%Q+mqY2e5Dzha&mRv%2~gK7lb$+Wf!o<a4$70>^XHUL;N2~+5`F8{yEg1pNDj!=_ryoLZT^2F"
    "U#~wNOhe%G=-BXyBZJL*p{tU>anRB)t1F7I)V4Qlm8`Ow5j}ZP%4(&ymLVx?*Uz_iD~~wCWkWM--5P%o^q(H}`G!vXfN~C_1n7_?"
    "2n-i(>Nmoqm82*LO&sE;Ug}7T^H5*CSNv(mp5)$EGiz%@_X$06bi@8jhwr2Rq5q#B^PL|e{K+91<j*D9xn{l+BJt}ouufYKs!)S+"
    "o5=cu`j#^=n)26MJnw#GGHJ^14K{$mN&lI1qlX8Nf8Uk=5IuvzFBA#}+$O`p8Q`!p{vS5&&tY%q6N7HJgnt78R^ZsFanF25+#LOw"
    "WB)zE=#DpQ;rBgqobZ?Xt#WZ<_}tjxLmq(`%qk0#nqt}wu9ZRG>Uf}D&sQ^@X0>g*+sq!Gd8iX~wWWgofNyl{#2cRdQQ=WZ;u6u&"
    "@s@>)xjeCe2N@`@uNFIL+}knjGTYL>{m5gPTW)7N{cnP%13nA@gI@fBP$YrlUx)?TkL6S@*XEywJFA{#TQ0l0{RoD;`|zLd<B#@#"
    "mG%clM@NT_d+}$O4$Z_NLPNkkd37Wda*lS5`@MQ6&`;8S@8Fkr3iK>|&%GG)4(d4ew~5*9jh6k<|5Mq*FS-H%gkfyVH%-0bp(*co"
    "Vc)pjKaw*~zs6{h!!bjJW&)>&#(Z!5yVs>f9_Bb9(Q%+H1?g+RM>_~u)pBO3o8}4}*x!dZrx$-h^px-X#Mtm*&;Ky=M3<r*OnHkr"
    "jOEh0z;@9#O0M|LLD6`Gfc1yEf15wrpPKXsM$Qb640`q-3WjEg=(N9SUndX;!5iR5+?mJk#G^HUAGIjC{HRCifmD1%)@WIK`>VYg"
    "gTZ}w68rGW`|$m;J#|v($0O&?y*1>Fe`mCZAsn5L0&}u8-oqrn*43XiSjjv(raayU?3Vqh5Pjjo`Ln(gWc(AICQ?jveo;s;r#c?U"
    "<bmn>pSj!RE_#jL4lUPR-tKFI$AA1(AaHu*`0>O4;?Do$ewv(B3DGY9mnMTiJ4ax^!@EgR`;M$QTC8|TnfQ<0{?|X7{D%WZfyx8#"
    "7DkC5c~QfGce)d~K2YWlG@boA&Ni{?(*}cM6~JkX`dPz0Vt?{QzwCS$4u!$~5I)@9y}Pqg=gATOM>bw0+2vF!rDAa~S#R|PG3RA("
    "wb6LKQrPw`x>MaQ<9h5ML-3FiGepKzubF<{nGN=KKIVJ*ACXwk|K~x7El6Rir7jqF?SBCho(uy"
)

STARTS = zlib.decompress(base64.b85decode(_PACKED))
